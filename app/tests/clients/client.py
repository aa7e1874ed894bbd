"""The official Python client against `cotty mcp` or its address: connects, lists, runs one command; prints what came back
as JSON.

Usage: client.py MODE COMMAND... | MODE http://... TOKEN   (MODE: legacy, auto or a revision; the environment goes along)
"""

import asyncio
import json
import os
import sys

import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


async def main() -> None:
    mode, command, *arguments = sys.argv[1:]
    if command.startswith("http"):
        bearer = {"Authorization": f"Bearer {arguments[0]}"}
        server = streamable_http_client(command, http_client=httpx2.AsyncClient(headers=bearer, timeout=30))
    else:
        server = StdioServerParameters(command=command, args=arguments, env=dict(os.environ))
    async with Client(server, mode=mode, read_timeout_seconds=30) as client:
        tools = (await client.list_tools()).tools
        result = await client.call_tool("ssh_run", {"target": "local", "command": "echo from-python; (exit 3)"})
        text = "".join(part.text for part in result.content if part.type == "text")
        print(json.dumps({"protocol": client.protocol_version, "tools": len(tools), "text": text,
                          "is_error": bool(result.is_error)}))


asyncio.run(main())
