using System.Collections;

namespace Woodgrove.Citus.Pipeline;

/// <summary>Reads a hashtable of names, such as -ColumnMap and -NodeAddress.</summary>
internal static class Texts
{
    public static IReadOnlyDictionary<string, string> Read(IDictionary? map) =>
        map?.Keys.Cast<object>().ToDictionary(k => k.ToString()!, k => map[k]?.ToString() ?? "") ?? new Dictionary<string, string>();
}
