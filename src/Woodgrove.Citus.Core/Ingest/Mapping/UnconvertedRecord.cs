using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Ingest.Mapping;

/// <summary>A record that could not be converted.</summary>
/// <param name="Start">Where it begins in its block.</param>
internal readonly record struct UnconvertedRecord(int Start, int End, RefusedRow Row);
