namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>One committed batch of an import.</summary>
/// <param name="FirstByte">Where the batch begins in the source, in UTF-8 bytes without a byte order mark.</param>
/// <param name="EndByte">Just past its last byte.</param>
/// <param name="Fingerprint">A hash of all bytes from the source's beginning to <paramref name="EndByte"/>.</param>
/// <param name="IsLast">True where the source ended with it.</param>
internal sealed record ImportBatch(
    Guid ImportId, int Number, TargetIdentity Table, string Source, string Route, string Fingerprint,
    long FirstByte, long EndByte, long Rows, long Rejected, bool IsLast)
{
    /// <summary>The attempt that has committed it; empty where it is not yet committed.</summary>
    public string Attempt { get; init; } = "";

    /// <summary>True where its transaction empties the table first, so that imports whose rows that removes leave the ledger.</summary>
    public bool Empties { get; init; }
}
