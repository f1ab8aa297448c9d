// A small server on the real Fedify: follows, is followed, posts, and tells over /_test what it received.
// Environment: PORT; prints "ready" once it listens.
globalThis.navigator ??= { userAgent: "Node.js" }; // Node 20: Fedify reads navigator.userAgent
if (!globalThis.Temporal) globalThis.Temporal = (await import("@js-temporal/polyfill")).Temporal;
import http from "node:http";
import { readFile } from "node:fs/promises";
const { createFederation, MemoryKvStore, InProcessMessageQueue, generateCryptoKeyPair } = await import("@fedify/fedify");
const { getDocumentLoader } = await import("@fedify/fedify/runtime");
const { Accept, Activity, Create, Endpoints, Follow, Note, Person, Undo } = await import("@fedify/fedify/vocab");

const port = Number(process.env.PORT);
const origin = `http://127.0.0.1:${port}`;
const name = "fedi";
const everyone = new URL("https://www.w3.org/ns/activitystreams#Public");
const state = { received: [], followers: new Map(), notes: new Map(), embedActor: true };
const keys = [await generateCryptoKeyPair("RSASSA-PKCS1-v1_5"), await generateCryptoKeyPair("Ed25519")];

// The one context that this Fedify would fetch from the Internet; a test stays on this machine.
const integrity = "https://w3id.org/security/data-integrity/v2";
const integrityFile = new URL("../../../fedisora/activitypub/contexts/data-integrity-v2.jsonld", import.meta.url);
function contextLoaderFactory(options) {
  const usual = getDocumentLoader({ ...options, allowPrivateAddress: true });
  return async (url, more) => url === integrity
    ? { contextUrl: null, documentUrl: url, document: JSON.parse(await readFile(integrityFile, "utf8")) } : usual(url, more);
}
const federation = createFederation({
  kv: new MemoryKvStore(), queue: new InProcessMessageQueue(), origin, allowPrivateAddress: true, contextLoaderFactory,
});
async function person(ctx, id) {
  if (id !== name) return null;
  const pairs = await ctx.getActorKeyPairs(id);
  return new Person({
    id: ctx.getActorUri(id), preferredUsername: id, name: "Fedi Fy", inbox: ctx.getInboxUri(id),
    outbox: ctx.getOutboxUri(id), followers: ctx.getFollowersUri(id), url: ctx.getActorUri(id),
    endpoints: new Endpoints({ sharedInbox: ctx.getInboxUri() }), publicKey: pairs[0].cryptographicKey,
    assertionMethods: pairs.map((pair) => pair.multikey),
  });
}
federation.setActorDispatcher("/users/{identifier}", person).setKeyPairsDispatcher((_ctx, id) => (id === name ? keys : []));
federation.setOutboxDispatcher("/users/{identifier}/outbox", () => ({ items: [] }));
federation.setFollowersDispatcher("/users/{identifier}/followers", () => ({ items: [...state.followers.values()] }));
federation.setObjectDispatcher(Note, "/users/{identifier}/notes/{note}", (_ctx, values) => state.notes.get(values.note) ?? null);

async function keep(activity) {
  state.received.push(await activity.toJsonLd({ format: "compact" }));
}
federation.setInboxListeners("/users/{identifier}/inbox", "/inbox")
  .on(Follow, async (ctx, follow) => {
    const actor = await follow.getActor(ctx);
    state.followers.set(actor.id.href, actor);
    await keep(follow);
    // The Accept embeds the whole actor and the whole Follow, as some servers do.
    await ctx.sendActivity({ identifier: name }, actor, new Accept({
      id: new URL(`#accepts/${crypto.randomUUID()}`, ctx.getActorUri(name)),
      actor: state.embedActor ? await person(ctx, name) : ctx.getActorUri(name), object: follow,
    }));
  })
  .on(Undo, async (_ctx, undo) => { await keep(undo); })
  .on(Activity, async (_ctx, activity) => { await keep(activity); });

async function control(url) {
  const ctx = federation.createContext(new URL(origin), undefined);
  const query = url.searchParams;
  if (url.pathname === "/_test/received") return state.received;
  if (url.pathname === "/_test/lookup") return (await ctx.lookupObject(query.get("uri")))?.toJsonLd() ?? null;
  if (url.pathname === "/_test/follow") {
    const target = await ctx.lookupObject(query.get("uri"));
    await ctx.sendActivity({ identifier: name }, target, new Follow({
      id: new URL(`#follows/${crypto.randomUUID()}`, ctx.getActorUri(name)), actor: ctx.getActorUri(name), object: target.id,
    }));
    return { target: target.id.href };
  }
  if (url.pathname === "/_test/post") {
    const id = crypto.randomUUID();
    const note = new Note({
      id: new URL(`/users/${name}/notes/${id}`, origin), attribution: ctx.getActorUri(name), content: query.get("text"),
      tos: [everyone], ccs: [ctx.getFollowersUri(name)], published: Temporal.Now.instant(),
    });
    state.notes.set(id, note);
    await ctx.sendActivity({ identifier: name }, "followers", new Create({
      id: new URL(`${note.id.href}#create`), actor: ctx.getActorUri(name), object: note, tos: [everyone],
      ccs: [ctx.getFollowersUri(name)],
    }));
    return { uri: note.id.href };
  }
  return { error: "unknown" };
}

http.createServer(async (req, res) => {
  try {
    const url = new URL(req.url, origin);
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    if (url.pathname.startsWith("/_test/")) {
      res.writeHead(200, { "content-type": "application/json" });
      return res.end(JSON.stringify(await control(url)));
    }
    const headers = new Headers();
    for (let at = 0; at < req.rawHeaders.length; at += 2) headers.append(req.rawHeaders[at], req.rawHeaders[at + 1]);
    const request = new Request(url, { method: req.method, headers, body: ["GET", "HEAD"].includes(req.method) ? undefined : Buffer.concat(chunks) });
    const answer = await federation.fetch(request, {
      contextData: undefined,
      onNotFound: () => new Response("not found", { status: 404 }),
      onNotAcceptable: () => new Response("not acceptable", { status: 406 }),
    });
    res.writeHead(answer.status, Object.fromEntries(answer.headers));
    res.end(Buffer.from(await answer.arrayBuffer()));
  } catch (error) {
    console.error(error);
    res.writeHead(500);
    res.end(String(error));
  }
}).listen(port, "127.0.0.1", () => console.log("ready"));
