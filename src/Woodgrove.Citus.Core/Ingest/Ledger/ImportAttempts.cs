using Woodgrove.Citus.Csv.Sources;
using Woodgrove.Citus.Errors;
using Woodgrove.Citus.Sql;

namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>The attempts of one command at an import, and whether the next may continue from the ledger.</summary>
internal sealed class ImportAttempts(CsvSource source, TableName table)
{
    private readonly List<string> _names = [];

    /// <summary>With -Resume: the source, which no other such load may load into the table meanwhile.</summary>
    public ResumedSource? Source { get; set; }

    /// <summary>Whether an attempt is one of this command's: where it has no decision, it has committed nothing.</summary>
    public bool Contains(string attempt) => _names.Contains(attempt);

    /// <summary>
    /// Begins an attempt. Refuses to continue where a standby has taken over since the import's last batch, which may lack
    /// decisions that nodes have carried out: those batches would be loaded again.
    /// </summary>
    /// <returns>The batches that the ledger holds.</returns>
    /// <param name="committed">Up to which byte earlier attempts of this command have committed; null where they do not know.</param>
    /// <param name="kept">What is in the table by what they know, in words.</param>
    /// <exception cref="CitusException">The ledger may have lost a batch.</exception>
    public async Task<IReadOnlyList<ImportBatch>> BeginAsync(ImportLedger ledger, long? committed, string? kept, CancellationToken stop)
    {
        IReadOnlyList<ImportBatch> done = await ledger.BatchesAsync(stop);
        ImportBatch? last = done.Count > 0 ? done[^1] : null;
        long end = last?.EndByte ?? 0;
        string? attempt = last?.Attempt ?? _names.LastOrDefault();
        if (last is not { IsLast: true } && attempt is not null && ledger.Timeline.MayLack(attempt) && committed != end)
            throw LedgerErrors.MayLackBatches(ledger.ImportId, source, table, done.Sum(b => b.Rows), end, kept);
        _names.Add(ledger.Attempt);
        return done;
    }
}
