"""The other side of the contract: a server on this machine which speaks as the providers' pages say they do."""
