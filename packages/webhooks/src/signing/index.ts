export {
  jwkPoint,
  newSigningSecret,
  publicTextOf,
  readSecretText,
  readSigningSecret,
  type SecretText,
  type SigningKey,
} from './keys.js'
export { signatureHeader } from './sign.js'
