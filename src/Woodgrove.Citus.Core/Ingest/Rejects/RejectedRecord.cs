using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Rejects;

/// <summary>A record that was set aside.</summary>
internal sealed record RejectedRecord(byte[] Bytes, RefusedRow Row);
