import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate with its key, as PEM. */
export interface Certified {
  readonly key: string;
  readonly certificate: string;
}

/** An authority of a cluster, made for one test. */
export interface Authority {
  /** Its own certificate, as PEM. */
  readonly certificate: string;
  /** @param names - DNS names of the SAN */
  issue(names: readonly string[], options?: { readonly commonName?: string; readonly days?: number }): Certified;
}

/** X.509 by hand (DER, RFC 5280), so that no test needs a tool or a file that runs out. */
export function authorityOf(commonName = 'cluster'): Authority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const basicConstraints = extension([0x55, 0x1d, 0x13], sequence(der(0x01, Buffer.of(0xff))));
  const own = { issuer: commonName, subject: commonName, publicKey, signer: privateKey, days: 1 };
  return {
    certificate: certificateOf({ ...own, extensions: [basicConstraints] }),
    issue(names, { commonName: subject = 'replica', days = 1 } = {}) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const alternativeNames = sequence(...names.map((name) => der(0x82, Buffer.from(name))));
      const facts = { issuer: commonName, subject, publicKey: pair.publicKey, signer: privateKey, days };
      return {
        key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
        certificate: certificateOf({ ...facts, extensions: [extension([0x55, 0x1d, 0x11], alternativeNames)] }),
      };
    },
  };
}

interface CertificateFacts {
  readonly issuer: string;
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  /** From two days ago until so many days from now; negative: it has run out. */
  readonly days: number;
  readonly extensions: readonly Buffer[];
}

function certificateOf({ issuer, subject, publicKey, signer, days, extensions }: CertificateFacts): string {
  // ecdsa-with-SHA256
  const algorithm = sequence(der(0x06, Buffer.from('2a8648ce3d040302', 'hex')));
  const toSign = sequence(
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])),
    algorithm,
    nameOf(issuer),
    sequence(timeOf(-2), timeOf(days)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = Buffer.concat([Buffer.of(0), sign('sha256', toSign, signer)]);
  const bytes = sequence(toSign, algorithm, der(0x03, signature)).toString('base64');
  return `-----BEGIN CERTIFICATE-----\n${bytes.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`;
}

function nameOf(commonName: string): Buffer {
  const attribute = sequence(der(0x06, Buffer.of(0x55, 0x04, 0x03)), der(0x0c, Buffer.from(commonName)));
  return sequence(der(0x31, attribute));
}

function timeOf(days: number): Buffer {
  const time = new Date(Date.now() + days * 86_400_000).toISOString();
  return der(0x18, Buffer.from(`${time.slice(0, 19).replace(/[-T:]/g, '')}Z`));
}

function extension(oid: readonly number[], value: Buffer): Buffer {
  return sequence(der(0x06, Buffer.from(oid)), der(0x04, value));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const head =
    length < 128 ? [tag, length] : length < 256 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), content]);
}
