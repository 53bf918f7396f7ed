using System.Text;
using Npgsql;
using Woodgrove.Citus.Values;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>
/// The source of a load with -Resume. Such a load finds its import by the source, so no two may load one source into one table at
/// the same time: neither would find the other's import before its first commit.
/// </summary>
/// <param name="Table">The name of the table that it is loaded into.</param>
/// <param name="Name">Its name in the ledger.</param>
/// <param name="Identity">What tells it from others of that name while they are loaded.</param>
/// <param name="Fingerprint">The hash that its imports have in the ledger by whatever name, or null.</param>
internal sealed record ResumedSource(string Table, string Name, string Identity, string? Fingerprint = null)
{
    /// <summary>Its imports when the one to continue was chosen; null where that was settled by an earlier attempt.</summary>
    public IReadOnlyList<ImportBatch>? Known { get; init; }

    /// <summary>The second key of its lock.</summary>
    public int Key => PostgresHash.Bytes(Encoding.UTF8.GetBytes($"{Table}\0{Identity}"));

    /// <summary>The last batch of each of its imports into the table, the latest first.</summary>
    public async Task<IReadOnlyList<ImportBatch>> FindAsync(NpgsqlConnection session, CancellationToken stop) =>
        [.. (await ImportLedger.FindAsync(session, Table, Name, stop, Fingerprint))
            .Where(i => i.Source == Name || i.Fingerprint == Fingerprint)];
}
