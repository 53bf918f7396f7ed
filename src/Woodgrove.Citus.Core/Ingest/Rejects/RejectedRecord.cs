using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>A rejected record.</summary>
internal sealed record RejectedRecord(byte[] Bytes, RefusedRow Row);
