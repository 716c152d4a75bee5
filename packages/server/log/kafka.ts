import {
  KafkaCluster as Cluster,
  type KafkaCluster,
  type Lane,
  type TopicMetadata,
} from "../kafka/cluster.ts";
import { type FetchedPartition, fetchPartitions } from "../kafka/fetch.ts";
import { KafkaError, PROTOCOL } from "../kafka/kafkaError.ts";
import { EARLIEST, LATEST, listKnownOffsets, listOffsets } from "../kafka/offsets.ts";
import type { KafkaConnectionOptions } from "../kafka/options.ts";
import { type DecodedRecords, decodeRecords, epochAt } from "../kafka/recordBatches.ts";
import type { Publication, SourceRecord } from "../publication.ts";
import {
  LogError,
  type LogStream,
  type NamedStream,
  type RangeRequest,
  type RangeResult,
  type StreamLog,
} from "./log.ts";
import { StreamCollisionError, streamIdOf } from "./streamId.ts";

export interface KafkaLogOptions {
  readonly connection: KafkaConnectionOptions;
  readonly topics: readonly string[];
  /** The publication of a record; undefined where it has none. Must not throw. */
  readonly route: (streamId: string, record: SourceRecord) => Publication | undefined;
  /** Of one fetch, in bytes. A larger record is fetched all the same. Default 1 MiB. */
  readonly fetchBytesMax?: number;
  /** How long one read waits at the end of a stream for something to come, in ms. Default 100. */
  readonly maxWaitMs?: number;
  /** How long a topic must be unknown to the brokers before it counts as gone, in ms. Default 3,000. */
  readonly goneAfterMs?: number;
  /** In ms, of any origin. Default `performance.now`. */
  readonly now?: () => number;
}

interface Place {
  readonly id: string;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly leader: number;
}

/** Reads wait for one another on a connection: two take turns, and resumes have two of their own. */
const LANES = {
  repair: [lane("log0"), lane("log1")],
  resume: [lane("resume0"), lane("resume1")],
} as const;

function lane(name: string): Lane {
  return { name, requestTimeoutMs: 15_000 };
}

/** A broker that does not tell its offsets for so long hides its own partitions only. Less than a listing waits. */
const OFFSETS_PATIENCE_MS = 3_000;

/** Between two looks at the cluster for a stream that is not known, in ms. */
const LOOK_INTERVAL_MS = 250;

/** The Kafka topics as a log that can be read again, without a consumer group. */
export class KafkaLog implements StreamLog {
  readonly #cluster: KafkaCluster;
  readonly #options: Required<KafkaLogOptions>;
  #places = new Map<string, Place>();
  /** Where streams were when they were last there, oldest first: tells a topic made anew from one not heard of yet. */
  readonly #lastPlaces = new Map<string, Place>();
  /** Since when streams that were asked for have not been there, oldest first. */
  readonly #missingSince = new Map<string, number>();
  #unplaced: readonly NamedStream[] = [];
  #looking: Promise<void> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #turn = 0;

  constructor(options: KafkaLogOptions) {
    this.#options = {
      fetchBytesMax: 1024 * 1024,
      maxWaitMs: 100,
      goneAfterMs: 3_000,
      now: () => performance.now(),
      ...options,
    };
    this.#cluster = new Cluster(options.connection);
  }

  get unplaced(): readonly NamedStream[] {
    return this.#unplaced;
  }

  /** Rejects with `LogError`, or with `StreamCollisionError`, which only other topics can mend. */
  async streams(): Promise<LogStream[]> {
    return await asLogError("list the streams", async () => {
      await this.#look();
      const places = [...this.#places.values()];
      const [earliest, latest] = await Promise.all([
        listKnownOffsets(this.#cluster, places, EARLIEST, OFFSETS_PATIENCE_MS),
        listKnownOffsets(this.#cluster, places, LATEST, OFFSETS_PATIENCE_MS),
      ]);
      const streams: LogStream[] = [];
      const unplaced: NamedStream[] = [];
      for (const { id, topic, partition } of places) {
        const name = `${topic}/${partition}`;
        const first = earliest.offsets.get(name);
        const next = latest.offsets.get(name);
        if (first === undefined || next === undefined) unplaced.push({ id, name });
        else streams.push({ id, name, earliest: Math.min(first, next), next });
      }
      const failure = earliest.failure ?? latest.failure;
      if (failure !== undefined) {
        if (streams.length === 0) throw failure;
        // Leaders may have moved: the next read looks again.
        this.#lookedAt = Number.NEGATIVE_INFINITY;
      }
      this.#unplaced = unplaced;
      return streams;
    });
  }

  async read(request: RangeRequest): Promise<RangeResult> {
    return await asLogError(`read ${request.streamId} after ${request.after}`, async () => {
      const reading = this.#read(request);
      return request.signal === undefined ? await reading : await orAborted(reading, request.signal);
    });
  }

  async close(): Promise<void> {
    await this.#cluster.close();
  }

  async #read(request: RangeRequest): Promise<RangeResult> {
    if (request.through <= request.after) return nothing(request);
    const place = await this.#place(request.streamId);
    if (place === undefined) return { kind: "gone" };
    if (place.leader < 0)
      throw new LogError("log_unavailable", `${place.topic}/${place.partition} has no leader now`);
    const offset = request.after + 1;
    const fetched = await this.#fetch(place, request, request.bytesMax);
    switch (fetched.errorCode) {
      case 0:
        break;
      case PROTOCOL.offsetOutOfRange:
        return await this.#outOfRange(place, request);
      default:
        // Another leader, a topic made anew, a broker that starts: what holds now is known after a new look.
        this.#lookedAt = Number.NEGATIVE_INFINITY;
        if ((await this.#place(request.streamId)) === undefined) return { kind: "gone" };
        throw new LogError(
          "log_unavailable",
          `${place.topic}/${place.partition}: Kafka error ${fetched.errorCode}`,
        );
    }
    if (fetched.divergesAt !== undefined) {
      return { kind: "truncated", next: Math.min(fetched.divergesAt, request.after) };
    }
    const decoded = decodeRecords(fetched, { ...place, offset });
    if (decoded.next === offset) {
      if (decoded.unreadable !== undefined) throw unreadable(place, decoded);
      // The broker returns the next batch however large it is, so here none is left below the last stable offset:
      // compaction has taken it. Asked twice, because nothing else is as final.
      if (fetched.lastStableOffset > offset && (await this.#isEmpty(place, request))) {
        return {
          kind: "read",
          publications: [],
          through: Math.min(request.through, fetched.lastStableOffset - 1),
        };
      }
      return nothing(request);
    }
    return this.#result(place, request, decoded);
  }

  #result(place: Place, request: RangeRequest, decoded: DecodedRecords): RangeResult {
    const publications: Publication[] = [];
    let bytes = 0;
    for (const record of decoded.records) {
      if (record.offset > request.through) break;
      const publication = this.#options.route(place.id, record);
      if (publication === undefined) continue;
      publications.push(publication);
      bytes += publication.envelope.byteLength;
      if (bytes >= request.bytesMax) {
        return {
          kind: "read",
          publications,
          through: record.offset,
          epoch: epochAt(decoded.epochs, record.offset),
        };
      }
    }
    const through = Math.min(request.through, decoded.next - 1);
    return { kind: "read", publications, through, epoch: epochAt(decoded.epochs, through) };
  }

  async #fetch(place: Place, request: RangeRequest, bytesMax: number): Promise<FetchedPartition> {
    const offset = request.after + 1;
    const limit = Math.max(1, Math.min(bytesMax, this.#options.fetchBytesMax));
    const { topicId, partition } = place;
    const target = { topicId, partition, offset, bytesMax: limit, lastEpoch: request.epoch };
    const [one, other] = LANES[request.purpose ?? "repair"];
    const lane = this.#turn++ % 2 === 0 ? one : other;
    const doing = `read ${place.topic}/${place.partition}`;
    try {
      const [fetched] = await this.#cluster.use(place.leader, lane, doing, (connection) =>
        fetchPartitions(connection, [target], { maxWaitMs: this.#options.maxWaitMs, bytesMax: limit }),
      );
      if (fetched === undefined)
        throw new LogError("log_unavailable", `${doing}: the broker holds back (quota)`);
      return fetched;
    } catch (error) {
      // The leader may be another one by now.
      this.#lookedAt = Number.NEGATIVE_INFINITY;
      throw error;
    }
  }

  async #isEmpty(place: Place, request: RangeRequest): Promise<boolean> {
    const again = await this.#fetch(place, request, this.#options.fetchBytesMax);
    return again.errorCode === 0 && again.bytes.length === 0;
  }

  async #outOfRange(place: Place, request: RangeRequest): Promise<RangeResult> {
    const name = `${place.topic}/${place.partition}`;
    const earliest = (await listOffsets(this.#cluster, [place], EARLIEST)).get(name) ?? 0;
    if (request.after + 1 < earliest) {
      return { kind: "lost", through: Math.min(request.through, earliest - 1), reason: "retention" };
    }
    const next = (await listOffsets(this.#cluster, [place], LATEST, true)).get(name) ?? 0;
    return next <= request.after ? { kind: "truncated", next } : nothing(request);
  }

  /** Where a stream is; undefined when it is gone for good. */
  async #place(streamId: string): Promise<Place | undefined> {
    const now = this.#options.now();
    const known = this.#places.get(streamId);
    if (known !== undefined && known.leader >= 0 && this.#lookedAt !== Number.NEGATIVE_INFINITY) return known;
    if (now - this.#lookedAt >= LOOK_INTERVAL_MS) await this.#look();
    const place = this.#places.get(streamId);
    if (place !== undefined) return place;
    // A topic of this name with another id settles it. Otherwise a broker that has just started may not have heard
    // of the topic yet, and what is gone is gone for every client.
    const last = this.#lastPlaces.get(streamId);
    const renewed = [...this.#places.values()].some(
      ({ topic, topicId }) => topic === last?.topic && topicId !== last.topicId,
    );
    const since = this.#missingSince.get(streamId) ?? now;
    // Bounded, although stream ids come from this cluster's own frames only.
    remember(this.#missingSince, streamId, since, MISSING_MAX);
    if (renewed || now - since >= this.#options.goneAfterMs) return undefined;
    throw new LogError("log_unavailable", `no broker knows the stream ${streamId} at the moment`);
  }

  #look(): Promise<void> {
    this.#looking ??= this.#lookNow().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookNow(): Promise<void> {
    const topics = await this.#cluster.topics(this.#options.topics);
    this.#places = placesOf(topics.values());
    this.#lookedAt = this.#options.now();
    for (const place of this.#places.values()) {
      remember(this.#lastPlaces, place.id, place, Math.max(REMEMBERED_MAX, this.#places.size));
      this.#missingSince.delete(place.id);
    }
  }
}

const MISSING_MAX = 4096;
const REMEMBERED_MAX = 65_536;

/** The oldest is forgotten for it beyond `sizeMax`. */
function remember<T>(map: Map<string, T>, id: string, value: T, sizeMax: number): void {
  map.delete(id);
  map.set(id, value);
  for (const oldest of map.keys()) {
    if (map.size <= sizeMax) return;
    map.delete(oldest);
  }
}

function placesOf(topics: Iterable<TopicMetadata>): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const { name, id: topicId, leaders } of topics) {
    for (const [partition, leader] of leaders.entries()) {
      const id = streamIdOf(name, topicId, partition);
      const other = places.get(id);
      if (other !== undefined) {
        throw new StreamCollisionError(id, `${other.topic}/${other.partition}`, `${name}/${partition}`);
      }
      places.set(id, { id, topic: name, topicId, partition, leader });
    }
  }
  return places;
}

function nothing(request: RangeRequest): RangeResult {
  return { kind: "read", publications: [], through: request.after };
}

function unreadable(place: Place, decoded: DecodedRecords): LogError {
  const stretch = `${decoded.unreadable?.first} to ${decoded.unreadable?.last}`;
  const cause = decoded.unreadable?.error;
  const message = `${place.topic}/${place.partition}: offsets ${stretch} can not be decoded: ${cause?.message}`;
  return new LogError("log_unreadable", message, { cause });
}

/** Everything that Kafka refuses may work later, except what is said to be otherwise. */
async function asLogError<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error;
    throw new LogError("log_unavailable", `Could not ${doing}: ${error.message}`, { cause: error });
  }
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new LogError("log_unavailable", "the read was given up"));
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    // Whichever came second is nobody's business any more.
    promise.catch(() => undefined);
    work.catch(() => undefined);
  }
}
