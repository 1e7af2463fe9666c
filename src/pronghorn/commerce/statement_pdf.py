"""A statement as PDF. Heavy: the library is imported with this module, which nobody but a maker of PDFs may import.

Latin letters are Helvetica, all others the Chinese font that every PDF reader brings along: neither needs a file.
"""

import io
import re
from html import escape
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, Paragraph, SimpleDocTemplate, Spacer
from reportlab.platypus import Table as Grid

from pronghorn.commerce.statement_layout import Amount, Cell, Layout, Table

LATIN, BOLD, CHINESE = "Helvetica", "Helvetica-Bold", "STSong-Light"
INK, SOFT, FAINT = HexColor("#1c2430"), HexColor("#5d6b7c"), "#93a0af"
LINE, BAND, MARK = HexColor("#dfe5ec"), HexColor("#f4f7fa"), HexColor("#1f5f8b")
MARGIN = 18 * mm
WIDTH = A4[0] - 2 * MARGIN
_FRAME = 6
"""Points that the library keeps free within its margins."""
_ROOM_FOR_A_TABLE = 75
"""Points below a heading: less, and it goes to the next page."""
_LONG_TEXT = 500
"""Characters, of which a third of a page's width takes at most half a page."""
_NOT_LATIN = re.compile(r"[^\x20-\x7e\xa0-\xff–—‘’“”•…€]+")
_CHINESE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
_BEYOND_THE_FONT = re.compile(r"[^\u0020-\uffff]|[\ud800-\udfff]")

pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))


def render(layout: Layout) -> bytes:
    output = io.BytesIO()
    document = SimpleDocTemplate(
        output,
        pagesize=A4,
        leftMargin=MARGIN - _FRAME,
        rightMargin=MARGIN - _FRAME,
        topMargin=18 * mm,
        bottomMargin=20 * mm,
        title=f"{layout.title} · {layout.month}",
        author="Pronghorn",
        subject=layout.account,
        lang="zh-CN" if layout.language == "zh" else "en",
    )
    flow: list[Flowable] = [*_head(layout), _balances(layout)]
    for table in layout.tables:
        flow += _table(table)
    flow += [Spacer(0, 9 * mm), _paragraph(layout.rule, _style(7.5, color=SOFT))]
    document.build(flow, canvasmaker=_pages(layout))
    return output.getvalue()


def _head(layout: Layout) -> list[Flowable]:
    title = [
        _paragraph(layout.title, _style(19, bold=True)),
        Spacer(0, 1.5 * mm),
        _paragraph(layout.account, _style(12, color=SOFT)),
    ]
    month = _paragraph(layout.month, _style(13, color=MARK, align=TA_RIGHT, leading=28))
    head = Grid([[title, month]], colWidths=[WIDTH * 0.7, WIDTH * 0.3])
    head.setStyle([*_flush(2), ("VALIGN", (0, 0), (-1, -1), "TOP")])
    facts = Grid(
        [
            [_paragraph(name, _style(8.5, color=SOFT)), _paragraph(value, _style(8.5))]
            for name, value in layout.facts
        ],
        colWidths=[WIDTH * 0.17, WIDTH * 0.83],
    )
    facts.setStyle([*_flush(2), ("TOPPADDING", (0, 0), (-1, -1), 1), ("BOTTOMPADDING", (0, 0), (-1, -1), 1)])
    return [head, Spacer(0, 7 * mm), facts, Spacer(0, 7 * mm)]


def _balances(layout: Layout) -> Flowable:
    last = len(layout.balances) - 1
    cells = [
        [
            _paragraph(name, _style(8, color=SOFT)),
            _paragraph(amount, _style(11.5, bold=True, color=MARK if number == last else INK, leading=16)),
        ]
        for number, (name, amount) in enumerate(layout.balances)
    ]
    band = Grid([cells], colWidths=[WIDTH / len(cells)] * len(cells), cornerRadii=[4, 4, 4, 4])
    band.setStyle(
        [
            ("BACKGROUND", (0, 0), (-1, -1), BAND),
            ("LINEBEFORE", (1, 0), (-1, -1), 0.6, LINE),
            ("LEFTPADDING", (0, 0), (-1, -1), 9),
            ("RIGHTPADDING", (0, 0), (-1, -1), 2),
            ("TOPPADDING", (0, 0), (-1, -1), 8),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 9),
        ]
    )
    return band


def _table(table: Table) -> list[Flowable]:
    title = _paragraph(table.title, _style(11, bold=True))
    before = [CondPageBreak(_ROOM_FOR_A_TABLE), Spacer(0, 8 * mm), title, Spacer(0, 1.5 * mm)]
    if not table.rows:
        return [*before, _paragraph(table.if_empty, _style(8.5, color=SOFT))]
    aligns = [TA_RIGHT if column.align == "right" else TA_LEFT for column in table.columns]
    head = [
        _paragraph(column.title, _style(8, color=SOFT, align=align))
        for column, align in zip(table.columns, aligns, strict=True)
    ]
    body = [_row(row, aligns, bold=False) for row in table.rows]
    total = [_row(row, aligns, bold=True) for row in table.totals]
    widths = [WIDTH * column.width / 100 for column in table.columns]
    # Rows stay whole, unless one may be higher than a page.
    is_high = any(len(str(cell)) > _LONG_TEXT for row in table.rows for cell in row)
    grid = Grid([head, *body, *total], colWidths=widths, repeatRows=1, splitInRow=int(is_high))
    grid.setStyle(
        [
            *_flush(len(widths)),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("VALIGN", (0, 0), (-1, 0), "BOTTOM"),
            ("TOPPADDING", (0, 0), (-1, -1), 4),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
            ("LINEBELOW", (0, 1), (-1, -1 - len(total)), 0.5, LINE),
            ("LINEBELOW", (0, 0), (-1, 0), 1, INK),
            *([("LINEABOVE", (0, -len(total)), (-1, -len(total)), 1, INK)] if total else []),
        ]
    )
    return [*before, grid]


def _flush(columns: int) -> list[tuple[Any, ...]]:
    """The first and the last column end where the text around ends."""
    return [
        ("LEFTPADDING", (0, 0), (-1, -1), 4),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (columns - 1, 0), (columns - 1, -1), 0),
    ]


def _row(row: list[Cell], aligns: list[int], *, bold: bool) -> list[Paragraph]:
    return [
        _paragraph(cell, _style(8.5, bold=bold, align=align)) for cell, align in zip(row, aligns, strict=True)
    ]


def _style(
    size: float, *, bold: bool = False, color: Any = INK, align: int = TA_LEFT, leading: float = 0
) -> ParagraphStyle:
    return ParagraphStyle(
        "text",
        fontName=BOLD if bold else LATIN,
        fontSize=size,
        leading=leading or size * 1.4,
        textColor=color,
        alignment=align,
    )


def _paragraph(cell: Cell, style: ParagraphStyle) -> Paragraph:
    if isinstance(cell, Amount):
        finer = f'<font name="{LATIN}" size="{style.fontSize * 0.72:.1f}" color="{FAINT}">{cell.finer}</font>'
        return Paragraph(f"{cell.cents}{finer}", style)
    if _CHINESE.search(cell):
        style.wordWrap = "CJK"  # a line may end after any character
    return Paragraph(_markup(cell), style)


def _markup(text: str) -> str:
    """Pieces that Helvetica has no letters for are set in the Chinese font; what that lacks too is a box."""
    text = _BEYOND_THE_FONT.sub("□", " ".join(text.split()))
    found, at = [], 0
    for piece in _NOT_LATIN.finditer(text):
        found += [escape(text[at : piece.start()]), f'<font name="{CHINESE}">{escape(piece[0])}</font>']
        at = piece.end()
    return "".join([*found, escape(text[at:])])


def _pages(layout: Layout) -> type[Canvas]:
    """A canvas that knows how many pages there are before it writes the foot of the first one."""

    class Pages(Canvas):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._kept: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._kept.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            for number, page in enumerate(self._kept, 1):
                self.__dict__.update(page)
                _edges(self, layout, number, len(self._kept))
                super().showPage()
            super().save()

    return Pages


def _edges(canvas: Canvas, layout: Layout, number: int, count: int) -> None:
    """The band above the first page, and the foot of each."""
    if number == 1:
        canvas.setFillColor(MARK)
        canvas.rect(0, A4[1] - 4, A4[0], 4, stroke=0, fill=1)
    canvas.setStrokeColor(LINE)
    canvas.setLineWidth(0.6)
    canvas.line(MARGIN, 15 * mm, A4[0] - MARGIN, 15 * mm)
    left = f"{layout.title} · {layout.month} · {layout.facts[0][1]}"
    right = layout.page.format(number=number, count=count)
    for text, align, at in ((left, TA_LEFT, MARGIN), (right, TA_RIGHT, MARGIN)):
        line = _paragraph(text, _style(7.5, color=SOFT, align=align))
        line.wrapOn(canvas, WIDTH, 20)
        line.drawOn(canvas, at, 9.5 * mm)
