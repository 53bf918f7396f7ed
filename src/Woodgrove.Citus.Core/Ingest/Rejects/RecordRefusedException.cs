using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>A server refused a record of a batch.</summary>
/// <param name="shard">The shard whose server it was, or null for a whole table.</param>
/// <param name="wasSent">Selects the records that were sent to that server; null for all.</param>
internal sealed class RecordRefusedException(PostgresException refusal, ShardRange? shard,
    Func<RecordBlock, int, int, bool>? wasSent = null)
    : Exception(refusal.Message, refusal)
{
    public Func<RecordBlock, int, int, bool>? WasSent { get; } = wasSent;
    public PostgresException Refusal { get; } = refusal;
    public ShardRange? Shard { get; } = shard;
}
