using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Commit;

/// <summary>The part of a batch that one session holds in a transaction.</summary>
internal interface INodePart
{
    /// <summary>The shards that the part is of; none where the server chooses them.</summary>
    IReadOnlyList<ShardRange> Shards { get; }

    /// <summary>The node, for messages.</summary>
    string Node { get; }

    /// <summary>Whether the transaction has changed anything.</summary>
    bool HasWork { get; }

    /// <summary>Writes to <c>woodgrove.import_part</c>, in the transaction, which hash ranges the part holds.</summary>
    Task RecordAsync(ImportBatch row, string attempt, CancellationToken stop);

    Task CommitAsync(CancellationToken stop);

    /// <summary>Prepares the transaction. If the call fails, the transaction may be prepared nevertheless.</summary>
    Task PrepareAsync(PreparedName name, CancellationToken stop);

    /// <inheritdoc cref="PreparedPart.EndAsync(bool, TimeSpan)"/>
    Task CommitPreparedAsync(TimeSpan patience);

    /// <summary>Rolls the transaction back; one that is lost with its session has been.</summary>
    /// <param name="endPrepared">False leaves a prepared one to recovery, which asks the ledger.</param>
    Task RollbackAsync(bool endPrepared);
}
