"""As much of Home Assistant as docs/home-assistant.md needs: its YAML, `rest_command`, `shell_command`, automations.

What is sent goes over a real wire. Of the house around it (cameras, covers, speech) there are stand-ins.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import yaml
from aiohttp import ClientSession
from jinja2 import StrictUndefined
from jinja2.nativetypes import NativeEnvironment
from jinja2.sandbox import SandboxedEnvironment

Json = dict[str, Any]
Device = Callable[[Json], Awaitable[Json]]


def read_yaml(text: str, secrets: Json) -> Json:
    """Return what a file of Home Assistant's says, with what it keeps in `secrets.yaml` filled in."""

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!secret", lambda loader, node: secrets[loader.construct_scalar(node)])
    found: Json = yaml.load(text, Loader)
    return found


def rendered(template: Any, values: Json, *, as_text: bool = False) -> Any:
    """Return what a template gives; a text that looks like a number or a list is one, unless `as_text`."""
    if isinstance(template, dict):
        return {key: rendered(value, values, as_text=as_text) for key, value in template.items()}
    if not isinstance(template, str):
        return template
    environment = (SandboxedEnvironment if as_text else NativeEnvironment)(undefined=StrictUndefined)
    environment.filters["to_json"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(template).render(values)


@dataclass
class Automations:
    """Runs automations. commands: `rest_command` and `shell_command` of configuration.yaml, by their names.

    devices: what stands for everything else, by the name of the action.  heard: what comes to each webhook.
    """

    session: ClientSession
    configuration: Json
    devices: dict[str, Device]
    heard: dict[str, asyncio.Queue[Json]] = field(default_factory=dict)
    replies: list[Json] = field(default_factory=list)

    async def run(self, automation: Json, trigger: Json | None = None) -> bool:
        """Run an automation that was set off by `trigger`, unless its conditions say no; return whether it ran."""
        values: Json = {"trigger": trigger or {}}
        if not self._are_met(automation.get("conditions", []), values):
            return False
        await self._do(automation["actions"], values)
        return True

    async def _do(self, steps: list[Json], values: Json) -> None:
        for step in steps:
            if "wait_for_trigger" in step:
                (trigger,) = step["wait_for_trigger"]
                values["wait"] = {"trigger": await self.heard[trigger["webhook_id"]].get()}
            elif "if" in step:
                if self._are_met(step["if"], values):
                    await self._do(step["then"], values)
            else:
                result = await self._act(step["action"], rendered(step.get("data", {}), values))
                if "response_variable" in step:
                    values[step["response_variable"]] = result

    def _are_met(self, conditions: list[Json], values: Json) -> bool:
        assert {each["condition"] for each in conditions} <= {"template"}
        return all(rendered(each["value_template"], values) is True for each in conditions)

    async def _act(self, action: str, data: Json) -> Json:
        domain, _, name = action.partition(".")
        if domain == "rest_command":
            return await self._call(self.configuration[domain][name], data)
        if domain == "shell_command":
            return await self._run_command(self.configuration[domain][name], data)
        return await self.devices[action](data)

    async def _call(self, command: Json, data: Json) -> Json:
        payload = rendered(command["payload"], data, as_text=True)
        headers = rendered(command["headers"], data, as_text=True) | {"Content-Type": command["content_type"]}
        url = rendered(command["url"], data, as_text=True)
        async with self.session.request(
            command["method"].upper(), url, data=payload.encode(), headers=headers
        ) as reply:
            assert 200 <= reply.status < 300, await reply.text()
            self.replies.append(await reply.json())
        return {}

    async def _run_command(self, command: str, data: Json) -> Json:
        program, _, rest = command.partition(" ")
        arguments = shlex.split(rendered(rest, data, as_text=True))
        process = await asyncio.create_subprocess_exec(
            program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, problem = await process.communicate()
        assert process.returncode == 0, problem.decode()
        self.replies.append(json.loads(out))
        return {}
