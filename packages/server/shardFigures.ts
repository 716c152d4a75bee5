import { MARK_TOO_LONG } from "@shardcast/protocol/mark";
import { counter, type Figure, gauge } from "./admin/figure.ts";
import type { Authentication } from "./auth/open.ts";
import type { ProbedBus } from "./bus/probed.ts";
import type { Admission } from "./gateway/admission.ts";
import type { ConnectionCounters } from "./gateway/connectionCounters.ts";
import type { Deflate } from "./gateway/deflate/deflate.ts";
import type { Gateway } from "./gateway/websocket.ts";
import type { Hub } from "./hub/hub.ts";
import type { CompositeLog } from "./log/composite.ts";
import type { RequestFailures } from "./requestFailures.ts";
import type { BoundedReads } from "./stream/boundedReads.ts";
import type { NearbyReads } from "./stream/nearbyReads.ts";

/** The parts of a shard that count something. */
export interface CountingParts {
  readonly hub: Hub;
  readonly gateway: Gateway;
  readonly admission: Admission;
  readonly authentication: Authentication;
  readonly resumeReads: BoundedReads;
  readonly nearbyReads: NearbyReads;
  readonly bus: ProbedBus;
  readonly log: CompositeLog;
  readonly counters: ConnectionCounters;
  readonly failures: RequestFailures;
}

/** What a shard tells at `/metrics`, of all its parts but the two halves of the way, which tell themselves. */
export function shardFigures(parts: CountingParts): Figure[] {
  const { hub, gateway, admission, authentication, resumeReads, nearbyReads, bus } = parts;
  const { log, counters } = parts;
  const published = hub.counters;
  const classes = hub.classes.counters;
  const history = () => hub.history.stats();
  return [
    gauge("connections", "Clients connected.", () => gateway.connections),
    gauge(
      "slow_clients",
      "Clients that have not taken all that was sent to them.",
      () => gateway.slow.now.clients,
    ),
    gauge(
      "clients_behind",
      "Of those, clients of `latest` or a rate that get nothing until they have taken it.",
      () => gateway.slow.behind,
    ),
    gauge("slow_client_bytes", "Bytes that wait here for them.", () => gateway.slow.now.bytes),
    counter("slow_disconnects", "Clients cut off at the byte budget.", () => gateway.slow.cutOff),
    counter(
      "silent_disconnects",
      "Clients cut off because nothing came from them, not even a pong.",
      () => gateway.silent.cutOff,
    ),
    gauge(
      "kernel_send_bytes_max",
      "Unsent bytes that the kernel takes for one client; NaN where nothing bounds that but its own settings.",
      () => gateway.kernelBytesMax,
    ),
    gauge("topics", "Names that clients subscribe to.", () => hub.topics.size + hub.classes.topicCount),
    gauge("subscriptions", "Subscriptions of all clients.", () => hub.room.count),
    counter("subscriptions_refused", "Subscriptions refused for lack of room.", () => hub.room.refused),
    gauge("mark_too_long", "1 while the position in all streams is too long to be told to clients.", () =>
      hub.mark() === MARK_TOO_LONG ? 1 : 0,
    ),
    gauge("bus_connected", "1 while the bus is connected.", () => (bus.state === "connected" ? 1 : 0)),
    gauge("bus_lag_seconds", "How far this shard is behind its bus.", () => bus.probe.lagMs / 1000),
    gauge(
      "bus_round_trip_seconds",
      "Of the last heartbeat through the bus; NaN before the first.",
      () => (bus.probe.roundTripMs ?? Number.NaN) / 1000,
    ),
    counter(
      "bus_stale",
      "How often the bus delivered nothing although it looked connected.",
      () => bus.probe.stale,
    ),
    counter("publications", "Publications handed to the hub.", () => published.publications),
    counter("publication_bytes", "Bytes of their envelopes.", () => published.payloadBytes),
    counter(
      "deliveries",
      "Messages handed to clients, replays not counted.",
      () => published.deliveries + classes.deliveries,
    ),
    counter(
      "conflated_messages",
      "Messages not sent to clients of `latest` or a rate because a newer one follows, once for each.",
      () => classes.conflated,
    ),
    counter(
      "caught_up_values",
      "Newest values sent to such clients when they had been behind.",
      () => classes.caughtUp,
    ),
    counter(
      "rate_early_values",
      "Values of a rate sent before their time because too much was waiting.",
      () => classes.early,
    ),
    counter("requests", "Requests of clients.", () => counters.requests),
    counter("request_refusals", "Requests answered with an error.", () => counters.refusals),
    counter(
      "handshake_refusals",
      "Handshakes refused.",
      () => ({ ...admission.refused, ...authentication.access.refused }),
      "reason",
    ),
    counter(
      "request_failures",
      "HTTP requests that failed by a defect of this server.",
      () => parts.failures.count,
    ),
    counter("accepts", "Handshakes let in, before their tokens are looked at.", () => admission.admitted),
    gauge("addresses", "Addresses whose rate of handshakes is watched.", () => admission.rate.addresses),
    counter(
      "addresses_forgotten",
      "Addresses that began anew because too many were watched.",
      () => admission.rate.forgotten,
    ),
    counter(
      "addresses_unnamed",
      "Handshakes by a trusted proxy that did not say for whom: not limited by address.",
      () => admission.addresses.unnamed,
    ),
    ...tokenFigures(authentication),
    ...(gateway.deflate === undefined ? [] : deflateFigures(gateway.deflate)),
    counter("resumes", "Resumes that recovered everything.", () => counters.resumed),
    counter("resumes_not_recovered", "Resumes that could not.", () => counters.notRecovered),
    gauge("handshakes_waiting", "Handshakes that wait for their turn.", () => gateway.entrance.pace.waiting),
    gauge(
      "accept_queue",
      "Connections that wait in the kernel until this shard takes them; NaN where it does not tell.",
      () => gateway.acceptQueue.now,
    ),
    gauge(
      "accept_queue_max",
      "How many may: the kernel drops the others, and they ask again after a second or more.",
      () => gateway.acceptQueue.max,
    ),
    counter(
      "handshakes_abandoned",
      "Handshakes whose clients had gone before their turn, or while their token was looked at.",
      () => gateway.entrance.abandoned,
    ),
    gauge("resumes_queued", "Resumes and last values that have a next step.", () => gateway.replays.waiting),
    gauge("resume_cursors", "Places in history that resumes hold.", () => gateway.replays.cursors),
    gauge(
      "resumes_ahead",
      "Resumes that wait because their clients have seen more than this shard.",
      () => gateway.waits.waiting,
    ),
    counter(
      "resumes_ahead_given_up",
      "Such waits that ended before the shard was there.",
      () => gateway.waits.givenUp,
    ),
    gauge(
      "ahead_listeners",
      "Clients that joined from ahead of this shard, counted for each such stream.",
      () => hub.ahead.size,
    ),
    counter(
      "ahead_listeners_refused",
      "Resumes that were not recovered because there were too many of these.",
      () => hub.ahead.refused,
    ),
    gauge("resume_reads", "Reads of the log for resumes under way.", () => resumeReads.active),
    gauge(
      "resume_reads_waiting",
      "Reads of the log for resumes that wait for their turn.",
      () => resumeReads.waiting,
    ),
    gauge(
      "resume_reads_kept_bytes",
      "Of what resumes have lately read, kept for others.",
      () => nearbyReads.keptBytes,
    ),
    counter("resume_log_reads", "Reads of the log for resumes.", () => resumeReads.done),
    counter("resume_log_read_bytes", "Bytes of publications in them.", () => resumeReads.doneBytes),
    counter(
      "resume_reads_refused",
      "Reads for resumes that found no place to wait: those clients have not recovered.",
      () => resumeReads.refused,
    ),
    counter(
      "resume_reads_shared",
      "Reads for resumes that were answered by another's.",
      () => nearbyReads.shared,
    ),
    counter("replayed_messages", "Messages sent by resumes.", () => counters.replayedMessages),
    counter("replayed_bytes", "Characters of these.", () => counters.replayedBytes),
    counter(
      "closes",
      "Ended connections; 1006: broken, or cut off for slowness.",
      () => gateway.closes,
      "code",
    ),
    counter(
      "departures",
      "Clients that were asked to go elsewhere.",
      () => ({ ...gateway.departures.told }),
      "reason",
    ),
    counter(
      "departures_closed",
      "Of these, clients that stayed, and were closed.",
      () => ({ ...gateway.departures.closed }),
      "reason",
    ),
    gauge(
      "departures_waiting",
      "Clients that were asked to go, and are still here.",
      () => gateway.departures.waiting,
    ),
    gauge("history_channels", "Channels in history.", () => history().channels),
    gauge("history_capacity_bytes", "Bytes that history's segments take.", () => history().capacityBytes),
    gauge("history_last_value_bytes", "Bytes of last values kept beyond it.", () => history().retainedBytes),
    counter(
      "history_last_values_dropped",
      "Last values dropped for room.",
      () => history().droppedLastValues,
    ),
    gauge(
      "streams_left_out",
      "Streams told over the bus whose id another log's stream has: a forgery, or a rare chance.",
      () => log.leftOut,
    ),
  ];
}

function deflateFigures(deflate: Deflate): Figure[] {
  const groups = () => deflate.stats.groups;
  const live = () => deflate.stats.live;
  const replays = () => deflate.stats.replays;
  return [
    gauge("deflate_clients", "Clients that take deflated frames.", () => deflate.clients),
    gauge("deflate_groups", "Groups of those that listen to the same.", () => deflate.stats.size),
    counter(
      "deflate_groups_refused",
      "Subscribing clients that found no room for a group of their own, and get plain frames.",
      () => groups().refused,
    ),
    counter(
      "deflate_frames",
      "Frames compressed, each once for all who get it; replays each for its client.",
      () => ({ live: live().frames, replay: replays().frames }),
      "of",
    ),
    counter(
      "deflate_bytes_in",
      "Bytes that were compressed.",
      () => ({ live: live().bytesIn, replay: replays().bytesIn }),
      "of",
    ),
    counter(
      "deflate_bytes_out",
      "What they were compressed to.",
      () => ({ live: live().bytesOut, replay: replays().bytesOut }),
      "of",
    ),
    counter(
      "deflate_sent_bytes_before",
      "Bytes that live frames would have been, over all clients.",
      () => groups().sentBytesBefore,
    ),
    counter("deflate_sent_bytes", "Bytes of live frames, over all clients.", () => groups().sentBytes),
    counter(
      "deflate_plain_messages",
      "Messages that went plain to groups: too small to gain, or too much to compress in one turn.",
      () => ({ ...groups().plain }),
      "reason",
    ),
  ];
}

function tokenFigures({ access, verifier, jwks }: Authentication): Figure[] {
  const figures: Figure[] = [
    counter("tokens_expired", "Clients sent away because their token had expired.", () => access.expired),
    counter("tokens_refreshed", "Tokens replaced over a connection.", () => access.refreshed),
  ];
  if (verifier !== undefined)
    figures.push(counter("tokens_checked", "Tokens checked.", () => verifier.results, "result"));
  if (jwks !== undefined) {
    figures.push(
      counter(
        "key_set",
        "Fetches of the key set, and tokens with keys that it did not hold.",
        () => ({ ...jwks.counters }),
        "event",
      ),
      gauge("key_set_age_seconds", "Age of the keys.", () => jwks.ageMs / 1000),
    );
  }
  return figures;
}
