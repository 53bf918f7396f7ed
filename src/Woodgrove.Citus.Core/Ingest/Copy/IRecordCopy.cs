using Woodgrove.Citus.Csv;

namespace Woodgrove.Citus.Ingest.Copy;

/// <summary>
/// Copies records into a table in the transaction of one session. Disposed before it is finished, it discards what is
/// under way.
/// </summary>
internal interface IRecordCopy : IAsyncDisposable
{
    /// <param name="records">Whole records.</param>
    /// <param name="bounds">Their ends and lines; only read where refused records are rejected.</param>
    /// <param name="tuples">The records in binary, if they can be written so.</param>
    Task WriteAsync(
        ReadOnlyMemory<byte> records, ReadOnlyMemory<RecordBounds> bounds, CancellationToken stop, ReadOnlyMemory<byte> tuples = default);

    /// <summary>Sends what is still held back; after it the server has refused what it will.</summary>
    Task FinishAsync(CancellationToken stop);
}
