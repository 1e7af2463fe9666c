"""Mail: letters as plain text and HTML, in English and Chinese, handed to the operator's mail server.

Loaded when the first one is sent.
"""

import asyncio
import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from html import escape
from typing import Any, NamedTuple

from pronghorn.commerce.undelivered import Undelivered
from pronghorn.settings import Settings

TIMEOUT_S = 10.0
"""Of each step of the conversation."""


class Words(NamedTuple):
    subject: str
    paragraphs: tuple[str, ...]


BALANCE_LOW = {
    "en": Words(
        "Low balance: {account} has {balance_usd} USD left",
        (
            "The balance of {account} ({account_id}) is {balance_usd} USD. You asked to be told when it falls "
            "under {threshold_usd} USD.",
            "Requests are refused when nothing is left. Top up to keep them going.",
            "The next notice comes after the balance has been at {threshold_usd} USD or above again.",
        ),
    ),
    "zh": Words(
        "余额不足:{account} 剩余 {balance_usd} 美元",
        (
            "账户 {account}({account_id})的余额为 {balance_usd} 美元,已低于您设置的提醒阈值 {threshold_usd} 美元。",
            "余额用尽后请求将被拒绝,请及时充值。",
            "余额恢复到 {threshold_usd} 美元或以上之后,再次低于阈值时才会再发送提醒。",
        ),
    ),
}


def letter(
    settings: Settings,
    delivery_id: str,
    to: str,
    account: str,
    data: dict[str, Any],
    language: str,
    at_s: float,
) -> EmailMessage:
    """Raises `ValueError` for an address that is none."""
    facts = {**data, "account": one_line(account)}
    words = BALANCE_LOW[language]
    message = EmailMessage(policy=SMTP)
    message["Subject"] = words.subject.format(**facts)
    message["From"] = settings.smtp_from
    message["To"] = Address(addr_spec=to)
    message["Date"] = formatdate(at_s)
    # The same in each attempt: where two came through, programs for mail show one.
    message["Message-ID"] = f"<{delivery_id}@{message['From'].addresses[0].domain}>"
    message["Auto-Submitted"] = "auto-generated"
    paragraphs = [paragraph.format(**facts) for paragraph in words.paragraphs]
    message.set_content("\n\n".join(paragraphs) + "\n")
    html = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    message.add_alternative(f'<html lang="{language}"><body>\n{html}\n</body></html>\n', subtype="html")
    message["Content-Language"] = language
    return message


def one_line(text: str) -> str:
    """A name as it may stand in a header: nothing that ends a line or cannot be seen."""
    return "".join(character for character in " ".join(text.split()) if character.isprintable())


async def send(settings: Settings, message: EmailMessage) -> None:
    """Raises `Undelivered`."""
    try:
        await asyncio.to_thread(_send, settings, message)
    except smtplib.SMTPRecipientsRefused as error:
        code = min(code for code, _ in error.recipients.values())
        raise Undelivered(f"the mail server refused the recipient ({code})", is_final=code >= 500) from error
    except smtplib.SMTPResponseException as error:
        raise Undelivered(f"the mail server answered {error.smtp_code}") from error
    except ssl.SSLError as error:
        raise Undelivered("the mail server's certificate or encryption is not valid") from error
    except (smtplib.SMTPException, OSError, MessageError, ValueError) as error:
        raise Undelivered(f"the mail server could not be used ({type(error).__name__})") from error


def _send(settings: Settings, message: EmailMessage) -> None:
    with _connection(settings) as server:
        if settings.smtp_security == "starttls":
            server.starttls(context=ssl.create_default_context())
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password)
        server.send_message(message)


def _connection(settings: Settings) -> smtplib.SMTP:
    if settings.smtp_security != "ssl":
        return smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_S)
    context = ssl.create_default_context()
    return smtplib.SMTP_SSL(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_S, context=context)
