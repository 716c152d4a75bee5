import { join } from "node:path";
import { formatCursor } from "@shardcast/protocol/cursor";
import type { Logger } from "pino";
import { counter, type Figure, gauge } from "../admin/figure.ts";
import { PublishError, type Published, type PublishItem } from "../admin/publishRequest.ts";
import { LocalBusServer } from "../bus/localServer.ts";
import { openBus } from "../bus/open.ts";
import { isSharedBus } from "../config/busSchemes.ts";
import type { Config } from "../config/shape.ts";
import { EmbeddedLog } from "../log/local.ts";
import { LocalLogServer } from "../log/localServer.ts";
import type { Publication } from "../publication.ts";
import { DemoFeed } from "../source/demo.ts";
import { type EmbeddedMessage, EmbeddedSource } from "../source/embedded.ts";
import { buildEnvelope } from "../source/envelope.ts";
import { PeerExchange } from "./peerExchange.ts";
import { BUS_SOCKET } from "./socketDirectory.ts";

/** What the supervisor is to its shards: their bus, and the log of what was published at this instance. */
export class LocalServices {
  readonly busPath: string;
  readonly logPath: string;
  readonly peerLogPath: string;
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #log: EmbeddedLog;
  #bus: LocalBusServer | undefined;
  #logServer: LocalLogServer | undefined;
  #peerLogServer: LocalLogServer | undefined;
  readonly #exchange: PeerExchange | undefined;
  /** With Kafka what is in memory is the exception, and an empty stream is nobody's business. */
  readonly #hidesEmpty: boolean;
  #source: EmbeddedSource | undefined;
  #demo: DemoFeed | undefined;

  constructor(config: Config, directory: string, logger: Logger) {
    this.#config = config;
    this.#logger = logger;
    this.busPath = join(directory, BUS_SOCKET);
    this.logPath = join(directory, "log.sock");
    this.peerLogPath = join(directory, "peers.sock");
    const isShared = isSharedBus(config.bus.url);
    this.#hidesEmpty = isShared && config.kafka !== undefined;
    this.#log = new EmbeddedLog({
      bytesMax: config.embeddedLog.bytesMax,
      envelope: buildEnvelope,
      hidesEmpty: this.#hidesEmpty,
    });
    if (!isShared) return;
    this.#exchange = new PeerExchange({
      bus: openBus(config.bus, this.busPath, "log"),
      log: this.#log,
      name: `embedded/${config.instance.id}`,
      tellsEmpty: !this.#hidesEmpty,
      forward: (frame) => this.#publishHere(frame),
      logger,
    });
  }

  get figures(): readonly Figure[] {
    const bus = () => this.#bus?.stats;
    return [
      gauge("local_bus_shards", "Shards connected to the local bus.", () => bus()?.shards ?? 0),
      gauge(
        "local_bus_queued_bytes_max",
        "Bytes queued for the shard that is furthest behind.",
        () => bus()?.queuedBytesMax ?? 0,
      ),
      counter("local_bus_frames", "Frames that the local bus has taken.", () => bus()?.frames ?? 0),
      counter("local_bus_cut_off", "Shards cut off because they fell behind.", () => bus()?.cutOff ?? 0),
      counter(
        "local_bus_malformed",
        "Connections that sent what is no message.",
        () => bus()?.malformed ?? 0,
      ),
      counter(
        "embedded_publications",
        "Publications by HTTP and the demo feed.",
        () => this.#source?.stats.publications ?? 0,
      ),
      gauge("embedded_log_bytes", "Bytes of the embedded log.", () => this.#log.bytes),
      ...(this.#exchange?.figures ?? []),
    ];
  }

  start(): void {
    this.#bus = new LocalBusServer({ path: this.busPath });
    this.#logServer = new LocalLogServer({ path: this.logPath, log: this.#log });
    if (this.#exchange !== undefined) {
      this.#peerLogServer = new LocalLogServer({ path: this.peerLogPath, log: this.#exchange.peers });
      this.#exchange.start();
    }
    const publisher = `${this.#config.instance.id}/supervisor`;
    const source = new EmbeddedSource({
      log: this.#log,
      bus: this.#sourceBus(this.#bus),
      publisher,
      hidesEmpty: this.#hidesEmpty,
    });
    this.#source = source;
    const { demo } = this.#config;
    if (!demo.enabled) return;
    this.#logger.info({ messagesPerSecond: demo.messagesPerSecond }, "demo feed: an invented market");
    this.#demo = new DemoFeed({
      messagesPerSecond: demo.messagesPerSecond,
      seed: Date.now() % 2 ** 31,
      append: (channel, payload, timestampMs) => source.append([{ channel, payload }], timestampMs),
    });
  }

  /** This instance's shards get its frames whatever becomes of the shared bus; others ask for what they miss. */
  #sourceBus(here: LocalBusServer): Pick<LocalBusServer, "publish" | "maxFrameBytes"> {
    const exchange = this.#exchange;
    if (exchange === undefined) return here;
    return {
      get maxFrameBytes() {
        return Math.min(here.maxFrameBytes, exchange.maxFrameBytes);
      },
      publish: (frame) => {
        exchange.publish(frame);
        return here.publish(frame);
      },
    };
  }

  /** A frame of another instance. What does not arrive is asked for. */
  #publishHere(frame: Uint8Array): void {
    this.#bus?.publish(frame).catch((error: unknown) => {
      this.#logger.debug({ err: error }, "a frame of another instance came too late");
    });
  }

  /** Appends all items, or none. Rejects with `PublishError`. */
  async publish(items: readonly PublishItem[]): Promise<readonly Published[]> {
    const source = this.#source;
    if (source === undefined) throw new PublishError("unavailable", "this instance is starting or ending");
    const payloadBytesMax = (this.#exchange?.maxFrameBytes ?? Number.POSITIVE_INFINITY) - MESSAGE_ROOM_BYTES;
    if (items.some(({ data }) => (data?.length ?? 0) > payloadBytesMax)) {
      // Other instances could neither be sent it nor ask for it.
      const message = `the bus between instances carries at most ${payloadBytesMax} bytes of one message`;
      throw new PublishError("payload_too_large", message);
    }
    const messages = items.map(({ channel, data }) => ({ channel, payload: data }));
    return append(source, messages).map(({ channel, offset }) => ({
      channel,
      cursor: formatCursor(this.#log.streamId, offset),
    }));
  }

  /** Nothing new enters from here on; what is there still reaches the shards. */
  stopFeeds(): void {
    this.#demo?.close();
    this.#source?.close();
    this.#source = undefined;
    this.#exchange?.end();
  }

  async close(): Promise<void> {
    await this.#exchange?.close();
    await this.#peerLogServer?.close();
    await this.#bus?.close();
    await this.#logServer?.close();
    await this.#log.close();
  }
}

/** What envelope, channel and frame add to a message, at most. */
const MESSAGE_ROOM_BYTES = 8 * 1024;

function append(source: EmbeddedSource, messages: readonly EmbeddedMessage[]): readonly Publication[] {
  try {
    return source.append(messages, Date.now());
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const message = `nothing of the batch was accepted: ${error.message} (--embedded-log-bytes)`;
    throw new PublishError("payload_too_large", message, { cause: error });
  }
}
