using Npgsql;
using Woodgrove.Citus.Catalog;
using Woodgrove.Citus.Csv;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Routes;

/// <summary>Where a <see cref="NodeWriter"/> writes, and what is its own.</summary>
/// <param name="Node">The node, for messages.</param>
/// <param name="Reopen">Opens another session to the node.</param>
internal sealed record WriterOptions(string Node, Func<CancellationToken, Task<NpgsqlConnection>> Reopen)
{
    /// <summary>The shards that the rows are of; none where the server chooses them.</summary>
    public IReadOnlyList<ShardRange> Shards { get; init; } = [];

    /// <summary>Whether the session ends with the writer; another's is only left without a transaction.</summary>
    public bool OwnsSession { get; init; }

    /// <summary>Whether refused records are rejected, so that their ends and lines must be kept.</summary>
    public bool KeepsLines { get; init; }

    /// <summary>Whether what is gathered are rows in COPY's binary form, and not records.</summary>
    public bool IsBinary { get; init; }

    /// <summary>Whether the transaction changes something even without rows, such as a TRUNCATE.</summary>
    public bool AlwaysCommits { get; init; }

    /// <summary>Selects the records that were sent to this writer; null for all.</summary>
    public Func<RecordBlock, int, int, bool>? WasSent { get; init; }

    /// <summary>The shard that is copied into by its own name, which a refusal then shows.</summary>
    public ShardRange? Shard { get; init; }

    /// <summary>Whether a server's error is about the records, and not about the server or the way to it.</summary>
    public Func<PostgresException, bool> IsRefusal { get; init; } = e => !PostgresErrors.IsTransient(e);
}
