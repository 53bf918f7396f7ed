namespace Woodgrove.Citus.Ingest.Ledger;

/// <summary>What the commit of a batch needs of an import's ledger.</summary>
internal interface IBatchLedger
{
    Guid ImportId { get; }

    /// <inheritdoc cref="ImportLedger.Attempt"/>
    string Attempt { get; }

    /// <inheritdoc cref="ImportLedger.WriteAsync"/>
    Task WriteAsync(ImportBatch batch, CancellationToken stop, bool isPending = false);

    /// <inheritdoc cref="ImportLedger.IsDecidedAsync(int, CancellationToken)"/>
    Task<bool> IsDecidedAsync(int batch, CancellationToken stop);

    /// <summary>Notes that every node has committed its part of a batch; lost connections are retried until the time is over.</summary>
    Task SettleAsync(ImportBatch batch, TimeSpan patience);

    /// <summary>Removes the rows of a batch's parts, once the ledger has the batch.</summary>
    Task ForgetPartsAsync(ImportBatch batch, CancellationToken stop);
}
