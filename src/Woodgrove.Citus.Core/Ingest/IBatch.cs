using Npgsql;

namespace Woodgrove.Citus.Ingest;

/// <summary>Some consecutive records of a file on their way into a table: committed together, or not at all.</summary>
internal interface IBatch : IAsyncDisposable
{
    /// <summary>Takes the records of a block between two offsets.</summary>
    ValueTask WriteAsync(RecordBlock block, int from, int to, CancellationToken stop);

    /// <summary>Sends what is still held back; after it the servers have refused what they will.</summary>
    Task FinishAsync(CancellationToken stop);

    /// <summary>Commits the records together with their row of the ledger, if one is kept. Disposed before, a batch leaves nothing.</summary>
    Task CommitAsync(ImportBatch? row, CancellationToken stop);
}

/// <summary>A server refused a record of a batch.</summary>
/// <param name="shard">The shard whose server it was, or null for a whole table.</param>
/// <param name="wasSent">Tells the records that went to that server; null where all did.</param>
internal sealed class RecordRefusedException(PostgresException refusal, Shards.ShardRange? shard, Func<RecordBlock, int, int, bool>? wasSent = null)
    : Exception(refusal.Message, refusal)
{
    public Func<RecordBlock, int, int, bool>? WasSent { get; } = wasSent;
    public PostgresException Refusal { get; } = refusal;
    public Shards.ShardRange? Shard { get; } = shard;
}

/// <summary>A worker refused a record that others would let be set aside: the batch is to be begun again with more care.</summary>
internal sealed class MoreCareException(RecordRefusedException refused) : Exception(refused.Message, refused);

/// <summary>A record has no distribution value.</summary>
/// <param name="line">The physical line on which the record ends.</param>
internal sealed class NullKeyException(long line) : Exception
{
    public long Line { get; } = line;
}
