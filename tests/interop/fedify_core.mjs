// A small server on the real Fedify, whichever version: follows, is followed, posts, likes, boosts, deletes, and tells over
// /_test what it received and how that was signed. Environment: PORT; prints "ready" once it listens.
import http from "node:http";

export function serve({ fedify, vocab, options, contextLoader, documentLoader }) {
  const { createFederation, MemoryKvStore, InProcessMessageQueue, generateCryptoKeyPair, verifyRequest, verifyObject } = fedify;
  const { Accept, Activity, Announce, Create, Delete, Endpoints, Follow, Like, Mention, Note, Person, Tombstone, Undo, Update } = vocab;
  const port = Number(process.env.PORT);
  const origin = `http://127.0.0.1:${port}`;
  const name = "fedi";
  const everyone = new URL("https://www.w3.org/ns/activitystreams#Public");
  const state = { received: [], raw: [], requests: [], followers: new Map(), notes: new Map(), sent: new Map(), refuse: null };
  let keys = null;
  // What leaves this server: how it was signed and what the answer was.
  const outgoing = [];
  const fetching = globalThis.fetch;
  globalThis.fetch = async (resource, more) => {
    const request = new Request(resource, more);
    const answer = await fetching(request);
    outgoing.push({ method: request.method, url: request.url, scheme: schemeOf(request.headers), status: answer.status });
    return answer;
  };
  const newKeys = async () => [await generateCryptoKeyPair("RSASSA-PKCS1-v1_5"), await generateCryptoKeyPair("Ed25519")];

  const federation = createFederation({
    kv: new MemoryKvStore(), queue: new InProcessMessageQueue(), origin, allowPrivateAddress: true, ...options,
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
  federation.setActorDispatcher("/users/{identifier}", person)
    .setKeyPairsDispatcher(async (_ctx, id) => (id === name ? (keys ??= await newKeys()) : []));
  federation.setOutboxDispatcher("/users/{identifier}/outbox", () => ({ items: [] }));
  federation.setFollowersDispatcher("/users/{identifier}/followers", () => ({ items: [...state.followers.values()] }));
  federation.setObjectDispatcher(Note, "/users/{identifier}/notes/{note}",
    (_ctx, values) => state.notes.get(`${origin}/users/${name}/notes/${values.note}`) ?? null);

  async function keep(activity) {
    state.received.push(await activity.toJsonLd({ format: "compact" }));
  }
  federation.setInboxListeners("/users/{identifier}/inbox", "/inbox")
    .on(Follow, async (ctx, follow) => {
      const actor = await follow.getActor(ctx);
      state.followers.set(actor.id.href, actor);
      await keep(follow);
      // The Accept embeds the whole actor and the whole Follow, as some servers do (peers.md, "What broke" 1).
      await ctx.sendActivity({ identifier: name }, actor, new Accept({
        id: new URL(`#accepts/${crypto.randomUUID()}`, ctx.getActorUri(name)), actor: await person(ctx, name), object: follow,
      }));
    })
    .on(Activity, async (_ctx, activity) => { await keep(activity); });

  const fresh = (ctx, kind) => new URL(`#${kind}/${crypto.randomUUID()}`, ctx.getActorUri(name));
  async function send(ctx, to, activity) {
    state.sent.set(activity.id.href, activity);
    await ctx.sendActivity({ identifier: name }, to, activity);
    return { id: activity.id.href, uri: activity.objectId?.href };
  }
  const commands = {
    received: () => state.received,
    requests: () => state.requests,
    raw: () => state.raw,
    outgoing: () => outgoing,
    refuse: (_ctx, query) => ({ refuse: state.refuse = query.get("scheme") || null }),
    rotate: async () => { keys = await newKeys(); return {}; },
    lookup: async (ctx, query) => (await ctx.lookupObject(query.get("uri")))?.toJsonLd() ?? null,
    // Whether the proof of the last activity of a type holds, by Fedify's own verification.
    proof: async (_ctx, query) => {
      const found = state.raw.filter((item) => item.type === query.get("type")).at(-1);
      if (found === undefined) return null;
      const one = structuredClone(found);
      if (query.get("change")) one.published = "2000-01-01T00:00:00Z";
      const checked = await verifyObject(Activity, one, { contextLoader, documentLoader });
      return { id: found.id, holds: checked !== null };
    },
    follow: async (ctx, query) => {
      const target = await ctx.lookupObject(query.get("uri"));
      return await send(ctx, target, new Follow({ id: fresh(ctx, "follows"), actor: ctx.getActorUri(name), object: target.id }));
    },
    undo: async (ctx, query) => {
      const what = state.sent.get(query.get("id"));
      const to = await ctx.lookupObject(query.get("to"));
      return await send(ctx, to, new Undo({ id: fresh(ctx, "undos"), actor: ctx.getActorUri(name), object: what }));
    },
    post: async (ctx, query) => {
      const id = new URL(`/users/${name}/notes/${crypto.randomUUID()}`, origin);
      const note = new Note({
        id, attribution: ctx.getActorUri(name), content: query.get("text"), tos: [everyone],
        ccs: [ctx.getFollowersUri(name)], published: Temporal.Now.instant(),
        replyTarget: query.get("reply") ? new URL(query.get("reply")) : null,
      });
      state.notes.set(id.href, note);
      await send(ctx, "followers", new Create({
        id: new URL(`${id.href}#create`), actor: ctx.getActorUri(name), object: note, tos: [everyone],
        ccs: [ctx.getFollowersUri(name)],
      }));
      return { uri: id.href };
    },
    // A post that mentions somebody, as bots on Fedify write them.
    mention: async (ctx, query) => {
      const to = await ctx.lookupObject(query.get("to"));
      const id = new URL(`/users/${name}/notes/${crypto.randomUUID()}`, origin);
      const handle = `@${to.preferredUsername}@${to.id.host}`;
      const note = new Note({
        id, attribution: ctx.getActorUri(name), tos: [everyone], ccs: [to.id], published: Temporal.Now.instant(),
        content: `<p><a href="${to.id.href}" class="u-url mention">${handle}</a> ${query.get("text")}</p>`,
        tags: [new Mention({ href: to.id, name: handle })],
        replyTarget: query.get("reply") ? new URL(query.get("reply")) : null,
      });
      state.notes.set(id.href, note);
      await send(ctx, to, new Create({
        id: new URL(`${id.href}#create`), actor: ctx.getActorUri(name), object: note, tos: [everyone], ccs: [to.id] }));
      return { uri: id.href };
    },
    edit: async (ctx, query) => {
      const note = state.notes.get(query.get("uri")).clone({ content: query.get("text"), updated: Temporal.Now.instant() });
      state.notes.set(note.id.href, note);
      return await send(ctx, "followers", new Update({
        id: fresh(ctx, "updates"), actor: ctx.getActorUri(name), object: note, tos: [everyone] }));
    },
    delete: async (ctx, query) => {
      state.notes.delete(query.get("uri"));
      return await send(ctx, "followers", new Delete({
        id: fresh(ctx, "deletes"), actor: ctx.getActorUri(name), object: new Tombstone({ id: new URL(query.get("uri")) }),
        tos: [everyone] }));
    },
    like: async (ctx, query) => {
      const to = await ctx.lookupObject(query.get("to"));
      return await send(ctx, to, new Like({
        id: fresh(ctx, "likes"), actor: ctx.getActorUri(name), object: new URL(query.get("uri")) }));
    },
    announce: async (ctx, query) => {
      const to = await ctx.lookupObject(query.get("to"));
      return await send(ctx, [to, ...state.followers.values()], new Announce({
        id: fresh(ctx, "boosts"), actor: ctx.getActorUri(name), object: new URL(query.get("uri")), tos: [everyone],
        ccs: [ctx.getFollowersUri(name)], published: Temporal.Now.instant() }));
    },
  };

  const schemeOf = (headers) => headers.has("signature-input") ? "rfc9421" : headers.has("signature") ? "cavage" : "none";
  async function look(request, body) {
    const scheme = schemeOf(request.headers);
    const found = { method: request.method, path: new URL(request.url).pathname, scheme, verified: false };
    state.requests.push(found);
    if (request.method !== "POST") return found;
    // A proof alone would be enough for Fedify; the signature of the request is checked by itself here.
    const key = await verifyRequest(request.clone(), { contextLoader, documentLoader }).catch((error) => { found.error = String(error); return null; });
    found.verified = key !== null;
    found.key = key?.id?.href;
    const activity = JSON.parse(body.toString() || "{}");
    found.type = activity.type;
    state.raw.push(activity);
    return found;
  }

  http.createServer(async (req, res) => {
    try {
      const url = new URL(req.url, origin);
      const chunks = [];
      for await (const chunk of req) chunks.push(chunk);
      const body = Buffer.concat(chunks);
      if (url.pathname.startsWith("/_test/")) {
        const ctx = federation.createContext(new URL(origin), undefined);
        const answer = await commands[url.pathname.slice(7)](ctx, url.searchParams);
        res.writeHead(200, { "content-type": "application/json" });
        return res.end(JSON.stringify(answer));
      }
      const headers = new Headers();
      for (let at = 0; at < req.rawHeaders.length; at += 2) headers.append(req.rawHeaders[at], req.rawHeaders[at + 1]);
      const request = new Request(url, { method: req.method, headers, body: ["GET", "HEAD"].includes(req.method) ? undefined : body });
      const found = await look(request, body);
      if (req.method === "POST" && state.refuse === found.scheme) {
        res.writeHead(401);
        return res.end("this kind of signature is refused");
      }
      const answer = await federation.fetch(request, {
        contextData: undefined,
        onNotFound: () => new Response("not found", { status: 404 }),
        onNotAcceptable: () => new Response("not acceptable", { status: 406 }),
      });
      found.status = answer.status;
      res.writeHead(answer.status, Object.fromEntries(answer.headers));
      res.end(Buffer.from(await answer.arrayBuffer()));
    } catch (error) {
      console.error(error);
      res.writeHead(500);
      res.end(String(error));
    }
  }).listen(port, "127.0.0.1", () => console.log("ready"));
}
