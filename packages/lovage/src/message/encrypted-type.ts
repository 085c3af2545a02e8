/** What an encrypted body says that it is. Python knows no such type, and refuses it. */
export const ENCRYPTED_TYPE = 'application/x-lovage-encrypted'
