"""python -m vidgen_nb simulator --port N: the five APIs on this machine, for curl and for programs."""

import argparse


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m vidgen_nb", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    simulator = commands.add_parser("simulator", help="play the providers' APIs on this machine; no key, no cost")
    simulator.add_argument("--port", type=int, default=8765, help="the port on 127.0.0.1 (default: %(default)s)")
    arguments = parser.parse_args()

    from vidgen_nb.simulator.app import serve

    serve(arguments.port)


if __name__ == "__main__":
    main()
