using System.Collections;
using System.Management.Automation;
using System.Management.Automation.Language;

namespace Woodgrove.Citus.Validation;

/// <summary>Completes names of checks, and says what each decides.</summary>
internal sealed class CheckCompleter : IArgumentCompleter
{
    public IEnumerable<CompletionResult> CompleteArgument(
        string commandName, string parameterName, string wordToComplete, CommandAst commandAst, IDictionary fakeBoundParameters) =>
        CheckCatalog.Find([]).Where(c => c.Check.StartsWith(wordToComplete.Trim('\'', '"'), StringComparison.OrdinalIgnoreCase))
            .Select(c => new CompletionResult(c.Check, c.Check, CompletionResultType.ParameterValue, c.Decides));
}
