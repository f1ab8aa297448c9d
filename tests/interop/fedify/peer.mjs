// Fedify 1.5: draft-cavage signatures. See ../fedify_core.mjs.
globalThis.navigator ??= { userAgent: "Node.js" }; // Node 20: Fedify reads navigator.userAgent
if (!globalThis.Temporal) globalThis.Temporal = (await import("@js-temporal/polyfill")).Temporal;
import { readFile } from "node:fs/promises";
import { serve } from "../fedify_core.mjs";
const fedify = await import("@fedify/fedify");
const vocab = await import("@fedify/fedify/vocab");

// The one context that this Fedify would fetch from the Internet; a test stays on this machine.
const integrity = "https://w3id.org/security/data-integrity/v2";
const integrityFile = new URL("../../../fedisora/activitypub/contexts/data-integrity-v2.jsonld", import.meta.url);
const documentLoader = fedify.getDocumentLoader({ allowPrivateAddress: true });
const contextLoader = async (url, more) => url === integrity
  ? { contextUrl: null, documentUrl: url, document: JSON.parse(await readFile(integrityFile, "utf8")) } : documentLoader(url, more);
serve({ fedify, vocab, contextLoader, documentLoader, options: { contextLoaderFactory: () => contextLoader } });
