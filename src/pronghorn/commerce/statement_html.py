"""A statement as one HTML file that needs nothing else: to be looked at, and to be printed on A4."""

from html import escape

from pronghorn.commerce.statement_layout import Amount, Cell, Column, Layout, Table

_STYLE = """
:root { --ink: #1c2430; --soft: #5d6b7c; --faint: #93a0af; --line: #dfe5ec; --band: #f4f7fa; --mark: #1f5f8b; }
* { box-sizing: border-box; }
body { margin: 0; background: #e9edf2; color: var(--ink); font: 14px/1.5 "Helvetica Neue", Arial,
  "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif; }
main { max-width: 860px; margin: 32px auto; padding: 56px 60px 40px; background: #fff;
  border-top: 5px solid var(--mark); box-shadow: 0 1px 12px rgb(28 36 48 / .12); }
header { display: flex; justify-content: space-between; align-items: flex-start; gap: 32px; }
header > div { min-width: 0; }
h1 { margin: 0; font-size: 26px; font-weight: 600; letter-spacing: -.01em; line-height: 1.25; }
.month { flex: none; font-size: 18px; line-height: 1.8; color: var(--mark); }
.account { margin: 4px 0 0; font-size: 17px; color: var(--soft); overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 20px; margin: 26px 0 28px; font-size: 13px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.balances { display: grid; grid-template-columns: repeat(4, 1fr); background: var(--band); border-radius: 6px; }
.balances div { padding: 14px 16px; border-left: 1px solid var(--line); min-width: 0; }
.balances div:first-child { border-left: 0; }
.balances div > span { display: block; margin-bottom: 2px; font-size: 12px; color: var(--soft); }
.balances b { font-size: 17px; font-weight: 600; }
.balances div:last-child b { color: var(--mark); }
.amount, td.right { font-variant-numeric: tabular-nums; }
.amount { white-space: nowrap; }
.amount i { font-style: normal; font-weight: 400; font-size: .8em; color: var(--faint); }
.balances i { font-size: .65em; }
h2 { margin: 34px 0 6px; font-size: 15px; font-weight: 600; break-after: avoid; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; font-size: 13px; }
th { padding: 7px 8px; border-bottom: 1.5px solid var(--ink); font-size: 12px; font-weight: 500; color: var(--soft);
  text-align: left; vertical-align: bottom; }
td { padding: 7px 8px; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
th:first-child, td:first-child { padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
.right { text-align: right; }
td.right { white-space: nowrap; }
tr { break-inside: avoid; }
tfoot td { border-bottom: 0; border-top: 1.5px solid var(--ink); font-weight: 600; }
tfoot { display: table-row-group; }
.none { margin: 6px 0 0; color: var(--soft); }
.rule { margin: 36px 0 0; padding-top: 14px; border-top: 1px solid var(--line); font-size: 12px; color: var(--soft); }
@media (max-width: 700px) {
  main { margin: 0; padding: 28px 20px; }
  .balances { grid-template-columns: 1fr 1fr; }
  .wide { overflow-x: auto; }
  table { min-width: 560px; }
}
@page { size: A4; margin: 16mm 15mm; }
@media print {
  body { background: #fff; font-size: 12px; }
  main { max-width: none; margin: 0; padding: 0; border: 0; box-shadow: none; }
  .balances { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def render(layout: Layout) -> str:
    title = f"{layout.title} · {layout.month}"
    language = "zh-CN" if layout.language == "zh" else "en"
    return f"""<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<header>
<div>
<h1>{escape(layout.title)}</h1>
<p class="account">{escape(layout.account)}</p>
</div>
<div class="month">{escape(layout.month)}</div>
</header>
<dl>
{"".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in layout.facts)}
</dl>
<section class="balances">
{"".join(f"<div><span>{escape(name)}</span><b>{_cell(amount)}</b></div>" for name, amount in layout.balances)}
</section>
{"".join(_table(table) for table in layout.tables)}
<p class="rule">{escape(layout.rule)}</p>
</main>
</body>
</html>
"""


def _table(table: Table) -> str:
    title = f"<h2>{escape(table.title)}</h2>\n"
    if not table.rows:
        return f'{title}<p class="none">{escape(table.if_empty)}</p>\n'
    widths = "".join(f'<col style="width:{column.width}%">' for column in table.columns)
    heads = "".join(f'<th class="{column.align}">{escape(column.title)}</th>' for column in table.columns)
    body = "".join(_row(row, table.columns) for row in table.rows)
    foot = "".join(_row(row, table.columns) for row in table.totals)
    return (
        f'{title}<div class="wide"><table><colgroup>{widths}</colgroup><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{body}</tbody>\n<tfoot>\n{foot}</tfoot></table></div>\n"
    )


def _row(row: list[Cell], columns: list[Column]) -> str:
    cells = (
        f'<td class="{column.align}">{_cell(cell)}</td>' for cell, column in zip(row, columns, strict=True)
    )
    return f"<tr>{''.join(cells)}</tr>\n"


def _cell(cell: Cell) -> str:
    if isinstance(cell, Amount):
        return f'<span class="amount">{cell.cents}<i>{cell.finer}</i></span>'
    return escape(cell)
