// An OpenID provider: npm's oidc-provider on a free port of this machine, for the client that the first argument (JSON)
// describes. It prints its issuer as one line of JSON, and ends when its standard input does.
//
// Its sign-in page takes a form: who somebody says they are, with what they showed it, and how long ago.

import { generateKeyPairSync, randomUUID } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const wanted = { path: "", algorithm: "RS256", method: "client_secret_basic", always: [], ...JSON.parse(process.argv[2]) };
const KEYS = {
  RS256: ["rsa", { modulusLength: 2048 }],
  PS256: ["rsa", { modulusLength: 2048 }],
  ES256: ["ec", { namedCurve: "P-256" }],
  EdDSA: ["ed25519", {}],
  Ed25519: ["ed25519", {}],
};

const key = (algorithm) => {
  const [kind, options] = KEYS[algorithm];
  const { privateKey } = generateKeyPairSync(kind, options);
  return { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig" };
};

const form = async (request) => {
  let text = "";
  for await (const piece of request) text += piece;
  return Object.fromEntries(new URLSearchParams(text));
};

const configuration = {
  clients: [
    {
      client_id: wanted.client,
      client_secret: wanted.method === "none" ? undefined : wanted.secret,
      token_endpoint_auth_method: wanted.method,
      redirect_uris: [wanted.redirect],
      id_token_signed_response_alg: wanted.algorithm,
      require_auth_time: wanted.always.includes("auth_time"),
    },
  ],
  clientAuthMethods: [wanted.method],
  jwks: { keys: [key("RS256"), ...(wanted.algorithm === "RS256" ? [] : [key(wanted.algorithm)])] },
  enabledJWA: { idTokenSigningAlgValues: Object.keys(KEYS) },
  claims: { openid: ["sub", "amr"], profile: ["name", "preferred_username"] },
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: id, preferred_username: "admin@contoso.com" }),
  }),
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `${wanted.path}/interaction/${interaction.uid}` },
  cookies: { keys: [randomUUID()] },
  // Whoever signs in here has agreed.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid profile");
    await grant.save();
    return grant;
  },
};

const interaction = async (provider, request, response) => {
  const { prompt } = await provider.interactionDetails(request, response);
  if (request.method === "GET") {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(`<form method="post"><input name="subject"><input name="amr"><input name="ago"></form>${prompt.name}`);
    return;
  }
  const given = await form(request);
  const now = Math.floor(Date.now() / 1000);
  const login = { accountId: given.subject, amr: given.amr?.split(" "), ts: now - Number(given.ago ?? 0) };
  const result = given.abort ? { error: "access_denied", error_description: "<b>Nobody</b> wants to." } : { login };
  await provider.interactionFinished(request, response, result);
};

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const root = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(root + wanted.path + (wanted.slash ? "/" : ""), configuration);
  const answer = provider.callback();
  server.on("request", (request, response) => {
    if (request.url.startsWith(`${wanted.path}/interaction/`)) {
      interaction(provider, request, response).catch((error) => {
        response.statusCode = 400;
        response.end(String(error));
      });
      return;
    }
    // As behind a mount point: what is below it is the provider's, and it is told where it is.
    request.originalUrl = request.url;
    request.url = request.url.slice(wanted.path.length);
    answer(request, response);
  });
  console.log(JSON.stringify({ issuer: provider.issuer, root }));
});
process.stdin.resume().on("end", () => process.exit());
