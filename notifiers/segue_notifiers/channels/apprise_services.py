"""Services of Apprise: the one file that imports apprise. All of it blocks."""

# Apprise has types, but some of its signatures mention a bare `dict`.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import re
import tempfile
import threading
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, unquote

from segue_notifiers.channels.guard import guarded_thread
from segue_notifiers.channels.outbound import Place, Policy
from segue_notifiers.channels.url import scheme_of
from segue_notifiers.errors import InvalidChannel, NotDelivered
from segue_notifiers.message import Message, Severity
from segue_notifiers.redaction import Redactor, guarded_loggers

if TYPE_CHECKING:
    from apprise import AppriseAsset, AppriseResult, NotifyBase

MAX_REASON = 300
MAX_FILE = 1024 * 1024
FILE_SCHEME = "apprise+file"

_KINDS: dict[Severity, str] = {"info": "info", "success": "success", "warning": "warning", "failure": "failure"}
_URLS = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"']+", re.IGNORECASE)

# Filters of warnings belong to the whole process, so only one thread at a time may change them.
_one_at_a_time = threading.Lock()


class Service:
    """One place where Apprise sends to; `urgent` is the same at a high priority, where the service has priorities."""

    def __init__(self, plain: NotifyBase, urgent: NotifyBase | None, policy: Policy, redact: Redactor) -> None:
        self._plain = plain
        self._urgent = urgent or plain
        self._policy = policy
        self._redact = redact

    @property
    def place(self) -> Place | None:
        """Where it connects to, if its URL names the host itself; else the service knows its own."""
        tokens = cast("Mapping[str, Any]", self._plain.template_tokens)
        host = getattr(self._plain, "smtp_host", "") or getattr(self._plain, "host", "")
        # Where it is no host, it may be a token, which must not be looked up in DNS.
        if "host" not in tokens or not isinstance(host, str) or not re.search(r"[.:]|^localhost$", host):
            return None
        return Place(host, self._plain.port or 0)

    def send(self, message: Message, name: str) -> None:
        """Send the message for the target `name`; raises NotDelivered with Apprise's reason, or Forbidden."""
        with (
            guarded_thread(self._policy, name) as watch,
            guarded_loggers(self._redact),
            tempfile.TemporaryDirectory(prefix="segue-") as folder,
        ):
            result = self._notify(message, _written(message, Path(folder)))
        if watch.objection is not None and not result:
            raise watch.objection
        if not result:
            raise NotDelivered(self._reason(result))

    def _notify(self, message: Message, files: Sequence[str]) -> AppriseResult:
        import apprise  # noqa: PLC0415 - imported by now

        service = self._urgent if message.severity == "failure" else self._plain
        target = apprise.Apprise()
        target.add(service)
        body, form = _body_for(service.resolve_format().value, message)
        return target.notify(
            title=message.title,
            # Without a body Apprise sends nothing.
            body=body or message.title,
            notify_type=_KINDS[message.severity],
            body_format=form,
            attach=list(files) or None,
        )

    def _reason(self, result: AppriseResult) -> str:
        lines = [" ".join(entry.message.split()) for entry in result.logs()]
        # Redacted although the records were: a plugin may make log entries without a record.
        reason = self._redact(" ".join(dict.fromkeys(lines))) or "Apprise gives no reason."
        return reason if len(reason) <= MAX_REASON else f"{reason[: MAX_REASON - 1]}…"


def load(url: str, name: str, policy: Policy) -> list[Service]:
    """The services of a URL: one, or all that an Apprise configuration file has for the tags of the URL.

    `apprise+file:///path/to/file.yml?tag=ops` names such a file. Raises InvalidChannel if Apprise cannot read it,
    Forbidden where a scheme is not permitted.
    """
    scheme = scheme_of(url)
    if not scheme:
        raise InvalidChannel(f"The URL of {name} does not begin like mailto:// or slack://; correct it.")
    text = _file_of(url, name) if scheme == FILE_SCHEME else ""
    redact = Redactor(url, *_URLS.findall(text))
    with _one_at_a_time, warnings.catch_warnings(), guarded_loggers(redact), guarded_thread(policy, name):
        # Apprise's plugins import what Python is about to drop; that is not the concern of who sends a message.
        warnings.simplefilter("ignore", DeprecationWarning)
        # Apprise and its 180 plugins cost up to 1.6 s and 45 MiB, which only those pay who send.
        import apprise  # noqa: PLC0415

        # In our own thread, without Apprise's pool of a few threads for all targets and its time limit; nowhere else
        # than to the URL's own host; and no tokens in files.
        asset = apprise.AppriseAsset(async_mode=False, service_timeout=0, http_redirects=False, storage_mode="memory")
        plugins = _configured(url, text, asset, name) if text else [_instance(url, asset, name)]
        for plugin in plugins:
            policy.check_scheme(scheme_of(plugin.url()), name)
        urgent = None if text else _urgent(url, plugins[0], asset)
    return [Service(plugin, urgent, policy, redact) for plugin in plugins]


def _instance(url: str, asset: AppriseAsset, name: str) -> NotifyBase:
    import apprise  # noqa: PLC0415 - imported by now

    scheme = scheme_of(url)
    service = apprise.Apprise.instantiate(url, asset=asset)
    if isinstance(service, apprise.NotifyBase):
        return _split(service, url)
    if scheme in ("http", "https"):
        raise InvalidChannel(
            f"Apprise knows no service at the {scheme}:// URL of {name}; for a webhook of your own, write"
            f" webhook+{scheme}://."
        )
    raise InvalidChannel(
        f"Apprise cannot read the {scheme}:// URL of {name}; compare it with Apprise's page on {scheme}."
        if scheme in apprise.NotificationManager()
        else f"Apprise knows no {scheme}:// as in the URL of {name}; correct the URL's beginning."
    )


def _configured(url: str, text: str, asset: AppriseAsset, name: str) -> list[NotifyBase]:
    import apprise  # noqa: PLC0415 - imported by now

    # Without recursion: a file that includes others could name any on this machine, or in the net.
    configuration = apprise.AppriseConfig(asset=asset, recursion=0)
    if not configuration.add_config(text):
        raise InvalidChannel(f"Apprise cannot read the configuration file of {name}; correct it.")
    services = apprise.Apprise(asset=asset)
    services.add(configuration)
    tags = ",".join(parse_qs(url.partition("?")[2]).get("tag", []))
    found = [_split(service, "") for service in (services.find(tag=tags) if tags else services.find())]
    if not found:
        raise InvalidChannel(
            f"The Apprise configuration file of {name} has no URL that Apprise can read"
            f"{' and that has a tag which is asked for' if tags else ''}; correct it."
        )
    return found


def _split(service: NotifyBase, url: str) -> NotifyBase:
    import apprise  # noqa: PLC0415 - imported by now

    if "overflow=" not in url:
        # By default Apprise lets the target refuse what is too long for it.
        service.overflow_mode = apprise.OverflowMode.SPLIT
    return service


def _urgent(url: str, plain: NotifyBase, asset: AppriseAsset) -> NotifyBase | None:
    """The same service at a high priority, if it has one and the URL does not say otherwise."""
    import apprise  # noqa: PLC0415 - imported by now

    arguments = cast("Mapping[str, Mapping[str, Any]]", plain.template_args)
    values = arguments.get("priority", {}).get("values") or ()
    names = cast("Mapping[Any, Any]", values).values() if isinstance(values, Mapping) else cast("Sequence[Any]", values)
    if "high" not in names or "priority=" in url:
        return None
    urgent = apprise.Apprise.instantiate(f"{url}{'&' if '?' in url else '?'}priority=high", asset=asset)
    return _split(urgent, url) if isinstance(urgent, apprise.NotifyBase) else None


def _file_of(url: str, name: str) -> str:
    path = Path(unquote(url.partition("://")[2].partition("?")[0]))
    try:
        if path.stat().st_size > MAX_FILE:
            raise InvalidChannel(f"The Apprise configuration file of {name} is larger than 1 MiB; make it smaller.")
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
    else:
        if text.strip():
            return text
        reason = "it is empty"
    raise InvalidChannel(f"The Apprise configuration file of {name} cannot be read ({reason}); correct its path.")


def _body_for(preferred: str, message: Message) -> tuple[str, str]:
    """The body in the form that a service prefers, and what form this is; Apprise makes of it what is needed."""
    forms = {"html": message.html, "markdown": message.markdown}
    rich = forms.get(preferred, "")
    return (rich, preferred) if rich else (message.body, "text")


def _written(message: Message, folder: Path) -> list[str]:
    paths: list[str] = []
    for number, attachment in enumerate(message.attachments):
        # Each in a folder of its own: two may have the same name, and people see the name.
        place = folder / str(number)
        place.mkdir()
        path = place / (re.sub(r"[^A-Za-z0-9._-]", "_", attachment.name).lstrip(".") or "file")
        path.write_bytes(attachment.content)
        paths.append(str(path))
    return paths
