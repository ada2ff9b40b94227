/*
 * Exporters keep their datagrams below the path's MTU, because a lost fragment loses them whole.
 */
export const MAX_DATAGRAM_BYTES = 1_400;
