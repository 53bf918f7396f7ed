using Woodgrove.Citus.Ingest.Ledger;

namespace Woodgrove.Citus.Ingest.Import;

/// <summary>How much of a source is committed, by this run of an import and those before it.</summary>
/// <param name="Batch">The number of the batch that comes next.</param>
/// <param name="EndByte">Where the committed batches end in the source.</param>
/// <param name="Fingerprint">A hash of the source's bytes up to there.</param>
/// <param name="Rows">The rows that are committed.</param>
/// <param name="Rejected">The records that were rejected.</param>
internal readonly record struct ImportPosition(int Batch, long EndByte, string Fingerprint, long Rows, long Rejected)
{
    public static ImportPosition Beginning { get; } = new(0, 0, "", 0, 0);

    /// <summary>The position once a batch is committed.</summary>
    public ImportPosition After(ImportBatch batch) =>
        new(batch.Number + 1, batch.EndByte, batch.Fingerprint, Rows + batch.Rows, Rejected + batch.Rejected);
}
