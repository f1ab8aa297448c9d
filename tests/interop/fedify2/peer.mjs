// Fedify 2.3: RFC 9421 signatures first, Ed25519 keys, proofs. See ../fedify_core.mjs.
globalThis.navigator ??= { userAgent: "Node.js" }; // Node 20: Fedify reads navigator.userAgent
if (!globalThis.Temporal) globalThis.Temporal = (await import("@js-temporal/polyfill")).Temporal;
import { serve } from "../fedify_core.mjs";
const fedify = await import("@fedify/fedify");
const vocab = await import("@fedify/fedify/vocab");

const documentLoader = fedify.getDocumentLoader({ allowPrivateAddress: true });
serve({ fedify, vocab, contextLoader: documentLoader, documentLoader, options: { firstKnock: "rfc9421" } });
