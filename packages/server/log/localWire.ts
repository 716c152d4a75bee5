/** What log server and log reader of one instance agree on. */
export const LOCAL_LOG_PATHS = { streams: "/streams", range: "/range" } as const;

/** An answer of this type is a range frame; any other answer is JSON. */
export const LOCAL_LOG_FRAME_TYPE = "application/x-shardcast-frame";
