"""The front page: that it runs, the base URL, the first call, where the documents are."""

from html import escape

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Pronghorn</title><style>
:root{{color-scheme:light dark}}
body{{font:16px/1.6 system-ui,sans-serif;max-width:46rem;margin:12vh auto 0;padding:0 1.5rem}}
h1{{font-size:2rem;margin:0}}p{{margin:.6rem 0}}
pre{{padding:1rem;border-radius:.6rem;overflow:auto;background:rgba(128,128,128,.14);font-size:.88rem}}
.dot{{display:inline-block;width:.65rem;height:.65rem;border-radius:50%;background:#2da44e;margin-right:.5rem}}
</style></head><body>
<h1>Pronghorn</h1>
<p><span class="dot"></span>The gateway is running: one base URL and one key for every AI model.</p>
<p>Base URL: <code>{base}/v1</code></p>
<pre>curl {base}/v1/chat/completions \\
  -H "Authorization: Bearer $KEY" \\
  -H "Content-Type: application/json" \\
  -d '{{"model":"gpt-4o-mini","stream":true,"messages":[{{"role":"user","content":"Hello!"}}]}}'</pre>
<p>A test key (<code>sk-test…</code>) answers from the built-in sandbox, for free. The first one was printed when
the gateway started.</p>
<p>API documents: <a href="/manage/openapi.json">management API (OpenAPI)</a> ·
<a href="/v1/models">models</a> · <a href="/readyz">readiness</a> · <a href="/metrics">metrics</a></p>
</body></html>
"""


def page(base_url: str) -> bytes:
    return _PAGE.format(base=escape(base_url)).encode()
