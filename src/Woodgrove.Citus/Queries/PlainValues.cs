using System.Collections;
using System.Management.Automation;

namespace Woodgrove.Citus.Queries;

/// <summary>Dictionaries as the engine wants them: without PowerShell's wrappers around the values.</summary>
internal static class PlainValues
{
    public static Hashtable? Of(IDictionary? values)
    {
        if (values is null) return null;
        var plain = new Hashtable();
        foreach (DictionaryEntry entry in values) plain[entry.Key] = entry.Value is PSObject wrapped ? wrapped.BaseObject : entry.Value;
        return plain;
    }
}
