"""The words of statements, in each language that they are written in."""

from typing import Literal

Language = Literal["en", "zh"]

WORDS: dict[Language, dict[str, str]] = {
    "en": {
        "title": "Statement of account",
        "title_test": "Statement of test money",
        "account": "Account",
        "account_id": "Account number",
        "period": "Period",
        "until_now": "until now; the month is not over",
        "time_zone": "Time zone",
        "currency": "Currency",
        "usd": "US dollars (USD)",
        "made": "Made",
        "opening": "Opening balance",
        "in": "In",
        "out": "Out",
        "closing": "Closing balance",
        "summary": "What came in and what went out",
        "kind": "Kind",
        "entries": "Entries",
        "amount": "Amount",
        "by_model": "Charges by model",
        "by_key": "Charges by key",
        "model": "Model",
        "key": "Key",
        "requests": "Requests",
        "input": "Input tokens",
        "output": "Output tokens",
        "total": "Total",
        "movements": "Payments and other entries",
        "date": "Date",
        "note": "Note",
        "not_in_log": "no longer in the log",
        "no_charges": "There were no charges.",
        "no_movements": "There were none.",
        "page": "Page {number} of {count}",
        "rule": "Amounts are exact: opening balance + in – out = closing balance. A request belongs to the month in "
        "which it came in; requests that cost nothing are not counted here.",
    },
    "zh": {
        "title": "账户对账单",
        "title_test": "测试资金对账单",
        "account": "账户",
        "account_id": "账户编号",
        "period": "账期",
        "until_now": "截至目前；本月尚未结束",
        "time_zone": "时区",
        "currency": "币种",
        "usd": "美元 (USD)",
        "made": "生成时间",
        "opening": "期初余额",
        "in": "收入",
        "out": "支出",
        "closing": "期末余额",
        "summary": "收支汇总",
        "kind": "类别",
        "entries": "笔数",
        "amount": "金额",
        "by_model": "按模型统计的扣费",
        "by_key": "按密钥统计的扣费",
        "model": "模型",
        "key": "密钥",
        "requests": "请求数",
        "input": "输入 tokens",
        "output": "输出 tokens",
        "total": "合计",
        "movements": "充值及其他分录",
        "date": "日期",
        "note": "备注",
        "not_in_log": "日志中已不存在",
        "no_charges": "本期没有扣费。",
        "no_movements": "本期没有。",
        "page": "第 {number} 页，共 {count} 页",
        "rule": "金额精确无舍入：期初余额 + 收入 – 支出 = 期末余额。"
        "请求按到达时间计入当月；未产生费用的请求不计入此表。",
    },
}

KINDS: dict[Language, dict[str, str]] = {
    "en": {
        "charge": "Charges for requests",
        "deposit": "Deposits",
        "withdrawal": "Withdrawals",
        "top_up": "Top-ups",
        "plan": "Plans bought",
        "redeem": "Redeemed codes",
        "reward": "Rewards",
        "welcome": "Welcome credit",
        "allowance": "Plan allowances",
        "expiry": "Expired allowances",
        "refund": "Refunds",
    },
    "zh": {
        "charge": "请求扣费",
        "deposit": "存入",
        "withdrawal": "支取",
        "top_up": "充值",
        "plan": "购买套餐",
        "redeem": "兑换码",
        "reward": "奖励",
        "welcome": "新人赠金",
        "allowance": "套餐额度",
        "expiry": "过期额度",
        "refund": "退款",
    },
}


def kind_word(kind: str, language: Language) -> str:
    """A kind that has no word here is shown by its own name."""
    return KINDS[language].get(kind, kind.replace("_", " "))


def month_words(month: str, language: Language) -> str:
    year, number = month.split("-")
    return f"{year} 年 {int(number)} 月" if language == "zh" else f"{_MONTHS[int(number) - 1]} {year}"


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
