using Npgsql;
using Woodgrove.Citus.Csv;

namespace Woodgrove.Citus.Ingest.Copy;

/// <summary>Copies some records as one, or, where the server refuses one of them, none.</summary>
/// <param name="start">Where the first of the records begins in the bytes.</param>
/// <param name="bounds">The records' ends and lines.</param>
/// <returns>The refusal, or null.</returns>
internal delegate Task<PostgresException?> CopyAttempt(ReadOnlyMemory<byte> bytes, int start, ReadOnlyMemory<RecordBounds> bounds,
    CancellationToken stop);
