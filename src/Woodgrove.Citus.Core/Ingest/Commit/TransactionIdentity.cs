using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>What a server can be asked about a transaction by, once the answer to its commit is lost.</summary>
/// <param name="Transaction">Its id (xid8), which means nothing on another server.</param>
/// <param name="Process">The server process that it runs in.</param>
/// <param name="Server">The server's system identifier.</param>
/// <param name="Timeline">The server's timeline: on a later one the id may be another transaction's.</param>
internal sealed record TransactionIdentity(string Transaction, int Process, string Server, CoordinatorTimeline Timeline);
