// A relying party: npm's openid-client, told on standard input what to do, one JSON object a line; what came of it is
// printed in the same way. It ends when its standard input does.

import { createInterface } from "node:readline";
import * as client from "openid-client";

const WAYS = {
  client_secret_basic: client.ClientSecretBasic,
  client_secret_post: client.ClientSecretPost,
  none: client.None,
};
let configuration;

const doing = {
  async discover({ issuer, id, secret, way, metadata = {} }) {
    const options = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] };
    const shown = secret ? WAYS[way](secret) : client.None();
    configuration = await client.discovery(new URL(issuer), id, metadata, shown, options);
    return configuration.serverMetadata();
  },
  async ask(parameters) {
    const verifier = client.randomPKCECodeVerifier();
    const made = { state: client.randomState(), nonce: client.randomNonce() };
    const url = client.buildAuthorizationUrl(configuration, {
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      ...made,
      ...parameters,
    });
    return { url: url.href, verifier, ...made };
  },
  async finish({ url, form, verifier, state, nonce, maxAge }) {
    const sent = form && new Request(url, { method: "POST", body: new URLSearchParams(form) });
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, maxAge };
    const tokens = await client.authorizationCodeGrant(configuration, sent ?? new URL(url), checks);
    return { ...tokens, claims: tokens.claims(), seconds: tokens.expiresIn() };
  },
  userinfo: ({ token, subject }) => client.fetchUserInfo(configuration, token, subject),
  refresh: ({ token }) => client.refreshTokenGrant(configuration, token),
  credentials: ({ scope }) => client.clientCredentialsGrant(configuration, { scope }),
  leave: (parameters) => ({ url: client.buildEndSessionUrl(configuration, parameters).href }),
};

const told = (error) => {
  const { name, code, status, error: word, error_description: sentence, cause } = error;
  const shown = Array.isArray(cause) ? cause.map(({ scheme, parameters }) => ({ scheme, ...parameters })) : undefined;
  const message = cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
  return { name, message, code, status, error: word, sentence, challenges: shown };
};

for await (const line of createInterface({ input: process.stdin })) {
  const { what, ...given } = JSON.parse(line);
  let said;
  try {
    said = { done: await doing[what](given) };
  } catch (error) {
    said = { refused: told(error) };
  }
  console.log(JSON.stringify(said));
}
