/** The content type of an encrypted body. Python does not know it, and refuses it. */
export const ENCRYPTED_TYPE = 'application/x-lovage-encrypted'
