using System.Collections;
using Woodgrove.Citus.Errors;

namespace Woodgrove.Citus.Pipeline;

/// <summary>What the views of Woodgrove.Citus.Format.ps1xml show of a property: the objects themselves keep the text as it came.</summary>
public static class Screen
{
    /// <summary>Text with its control characters as symbols (<see cref="VisibleText"/>); numbers, times and the like as they are.</summary>
    public static object? Show(object? value) => value switch
    {
        null => null,
        System.Management.Automation.PSObject wrapped => Show(wrapped.BaseObject),
        string text => VisibleText.Of(text),
        bool or IFormattable => value,
        IEnumerable items => items.Cast<object?>().Select(Show).ToArray(),
        _ => VisibleText.Of(value.ToString() ?? ""),
    };
}
