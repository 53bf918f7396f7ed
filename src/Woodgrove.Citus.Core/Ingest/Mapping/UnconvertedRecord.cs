using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>A record that could not be converted.</summary>
/// <param name="Bytes">As it stands in the source.</param>
/// <param name="Advice">What to do, where the reason alone does not tell.</param>
internal readonly record struct UnconvertedRecord(ReadOnlyMemory<byte> Bytes, RefusedRow Row, string? Advice = null);
