using System.Collections;

namespace Woodgrove.Citus.Ingest;

/// <summary>Reads -NodeAddress.</summary>
internal static class NodeAddressArgument
{
    public static IReadOnlyDictionary<string, string>? Read(IDictionary? map) =>
        map?.Keys.Cast<object>().ToDictionary(k => k.ToString()!, k => map[k]?.ToString() ?? "");
}
