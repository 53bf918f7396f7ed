using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace Woodgrove.Citus.Settings;

/// <summary>Completes names of the parameters that Get-CitusSetting knows.</summary>
internal sealed class SettingCompleter : IArgumentCompleter
{
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        SettingNames.All.Where(n => n.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase))
            .Select(n => new CompletionResult(n));
}
