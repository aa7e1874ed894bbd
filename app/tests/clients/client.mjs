// The official TypeScript clients against `cotty mcp` or its address: connect, list, run one command; print what came back
// as JSON.
//
// Usage: node client.mjs SDK MODE COMMAND... | SDK MODE http://... TOKEN
// (SDK: v1 or v2; MODE, for v2: legacy, auto or a revision)
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.COTTY_TEST_CLIENTS}/node/package.json`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);

const [sdk, mode, command, ...args] = process.argv.slice(2);
const isNew = sdk === 'v2';
const { Client, ...own } = await load(isNew ? '@modelcontextprotocol/client' : '@modelcontextprotocol/sdk/client/index.js');
const { StdioClientTransport } = await load(
  isNew ? '@modelcontextprotocol/client/stdio' : '@modelcontextprotocol/sdk/client/stdio.js');

const negotiation = mode === 'legacy' || mode === 'auto' ? mode : { pin: mode };
const client = new Client({ name: `story-${sdk}`, version: '1' },
  { capabilities: {}, ...(isNew ? { versionNegotiation: { mode: negotiation } } : {}) });
const { StreamableHTTPClientTransport } = isNew ? own : await load('@modelcontextprotocol/sdk/client/streamableHttp.js');
const requestInit = { headers: { Authorization: `Bearer ${args[0]}` } };
await client.connect(command.startsWith('http') ? new StreamableHTTPClientTransport(new URL(command), { requestInit })
  : new StdioClientTransport({ command, args, env: { ...process.env }, stderr: 'ignore' }));
const { tools } = await client.listTools();
const call = { name: 'ssh_run', arguments: { target: 'local', command: 'echo from-typescript; (exit 3)' } };
const result = isNew ? await client.callTool(call, { timeout: 30000 }) : await client.callTool(call, undefined, { timeout: 30000 });
const text = result.content.filter((part) => part.type === 'text').map((part) => part.text).join('');
console.log(JSON.stringify({ tools: tools.length, text, is_error: !!result.isError }));
await client.close();
