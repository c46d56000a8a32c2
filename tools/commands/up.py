"""``pillarbox up``: the server."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from cloud.bootstrap import mails_leave_by
from cloud.log_lines import LogFormat, log_to_stderr
from cloud.settings import Settings
from tools.commands.failures import clear_failures
from tools.commands.server_settings import server_settings
from tools.parts.mosquitto import fetch_mosquitto, find_mosquitto


@clear_failures
def up(  # noqa: PLR0913 - these are the command's options
    *,
    data: Annotated[Path | None, typer.Option(help="Folder of the database, images, keys and outbox.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="HTTP port; 0 takes a free one.")] = None,
    mqtt_port: Annotated[int | None, typer.Option(help="MQTT port (TLS); 0 takes a free one.")] = None,
    behind_proxy: Annotated[
        bool | None, typer.Option("--behind-proxy", help="A proxy adds TLS: plain HTTP on another host too.")
    ] = None,
    log_format: Annotated[
        LogFormat | None, typer.Option(help="Lines of the log: json for programs, text for people.")
    ] = None,
    json_lines: Annotated[bool, typer.Option("--json", help="Print the addresses as one line of JSON.")] = False,
) -> None:
    """Run the server: broker, ingest, workers, API and pages, until Ctrl-C."""
    from cloud.worker.serve import Addresses, serve  # noqa: PLC0415 - keeps "pillarbox --help" quick

    settings = server_settings(
        data=data, host=host, port=port, mqtt_port=mqtt_port, behind_proxy=behind_proxy, log_format=log_format
    )
    log_to_stderr(settings.log_format)
    mails = told_of_mails(settings)
    mosquitto = settings.mosquitto or find_mosquitto() or fetch_mosquitto(typer.echo)

    def ready(addresses: Addresses) -> None:
        if json_lines:
            print(json.dumps(dataclasses.asdict(addresses), default=str), flush=True)
        else:
            typer.echo(
                f"Pillarbox runs at {addresses.url}, data in {addresses.data}, MQTT on port {addresses.mqtt_port}."
            )
            typer.echo(f"E-mails:       {mails}")
            typer.echo(f"A first user:  pillarbox admin user create EMAIL --data {addresses.data}")
            typer.echo(f"To log in:     pillarbox admin link EMAIL --data {addresses.data}")

    serve(settings, mosquitto, ready)


def told_of_mails(settings: Settings) -> str:
    """Return what a person is told of the way of e-mails; raises ConfigurationError for one that cannot be meant."""
    by = mails_leave_by(settings)
    if settings.smtp_url.get_secret_value():
        return f"sent by {by}"
    return f"none is sent, they are files in {by}; PILLARBOX_SMTP_URL names a server that sends them"
