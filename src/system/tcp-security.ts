import { hkdfSync, timingSafeEqual } from 'node:crypto';
import type { ConnectionOptions, TLSSocket, TlsOptions } from 'node:tls';

/**
 * How two replicas know that they may speak with each other.
 *
 * `plain`: whoever reaches the address is believed, and everybody on the way reads along; `isExposed`: also where that is
 * not this machine alone. `certificates`: TLS 1.3, and each side proves by a certificate of the cluster's own authority
 * which names (DNS, of the SAN) it has. PEM. `secret`: TLS with a key that all replicas share; whoever has it may claim to
 * be any of them.
 */
export type TcpSecurity =
  | { readonly kind: 'plain'; readonly isExposed: boolean }
  | {
      readonly kind: 'certificates';
      readonly key: string;
      readonly certificate: string;
      readonly authority: string;
    }
  | { readonly kind: 'secret'; readonly secret: Uint8Array };

/** A secret with fewer bytes can be guessed. */
export const secretBytesMin = 16;

const identity = 'loggos-replica';
/** Forward secrecy; Node has keys shared before up to TLS 1.2 alone. */
const secretCiphers = 'ECDHE-PSK-CHACHA20-POLY1305';

/** For whoever listens; undefined: no TLS. */
export function serverOptions(security: TcpSecurity): TlsOptions | undefined {
  if (security.kind === 'plain') return undefined;
  if (security.kind === 'secret') {
    const key = sharedKey(security.secret);
    return { ...secretVersions, pskCallback: (_socket, claimed) => (isIdentity(claimed) ? key : null) };
  }
  return { ...certificateOptions(security), requestCert: true, rejectUnauthorized: true };
}

/** For whoever dials; undefined: no TLS. Whether it is the one that was meant is seen to by whoever knows its name. */
export function clientOptions(security: TcpSecurity): ConnectionOptions | undefined {
  if (security.kind === 'plain') return undefined;
  const checkServerIdentity = () => undefined;
  if (security.kind === 'secret') {
    const psk = sharedKey(security.secret);
    return { ...secretVersions, checkServerIdentity, pskCallback: () => ({ psk, identity }) };
  }
  return { ...certificateOptions(security), rejectUnauthorized: true, checkServerIdentity };
}

/** What the other side of a finished handshake has proved; undefined: it was not asked for a name. */
export function proofOf(security: TcpSecurity, socket: TLSSocket): ((name: string) => boolean) | undefined {
  if (security.kind !== 'certificates') return undefined;
  const certificate = socket.getPeerX509Certificate();
  return (name) => certificate?.checkHost(name, { subject: 'never', wildcards: false }) !== undefined;
}

const secretVersions = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: secretCiphers } as const;

function certificateOptions({ key, certificate, authority }: Extract<TcpSecurity, { kind: 'certificates' }>) {
  return { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3', key, cert: certificate, ca: authority } as const;
}

function sharedKey(secret: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', 'loggos transport 1', 32));
}

function isIdentity(claimed: string): boolean {
  const bytes = Buffer.from(claimed);
  const own = Buffer.from(identity);
  return bytes.length === own.length && timingSafeEqual(bytes, own);
}
