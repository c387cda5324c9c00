/** What a driver lets pass between two ticks, in milliseconds. All other times here are in ticks. */
export const tickMs = 50;
/** How often a leader says that it is there. */
export const heartbeatTicks = 2;
/** How often what was not answered is sent again. */
export const resendTicks = 4;
/** How long a leader is believed without a word; an election comes after this and up to twice as much. */
export const electionTicks = 10;
